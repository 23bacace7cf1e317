"""The backend's options: what is taken, and each refusal."""

import unittest

import support  # noqa: F401  (finds the modules)
from onnxpack_iree import options
from onnxpack_iree.protocol import Refused


class Options(unittest.TestCase):
    def refusal(self, given: support.Json) -> Refused:
        with self.assertRaises(Refused) as caught:
            options.parse(given)
        return caught.exception

    def test_defaults_are_those_described(self) -> None:
        parsed = options.parse({})
        for option in options.TABLE:
            self.assertEqual(getattr(parsed, option.name), option.schema["default"], option.name)

    def test_text_from_a_command_line_and_types_from_a_build_file(self) -> None:
        for value in (True, "true", "on"):
            self.assertIs(options.parse({"data_tiling": value}).data_tiling, True)
        self.assertEqual(options.parse({"opset": 18}).opset, "18")
        self.assertEqual(options.parse({"flags": "--a --b=1"}).flags, ["--a", "--b=1"])
        self.assertEqual(options.parse({"flags": ["--a"]}).flags, ["--a"])

    def test_unknown_option_suggests(self) -> None:
        self.assertEqual(self.refusal({"opt-level": "O2"}).reason, "unknown option iree.opt-level; did you mean iree.opt_level?")
        self.assertIn("opt_level, data_tiling, const_eval", self.refusal({"zzz": 1}).hint)

    def test_wrong_values(self) -> None:
        self.assertIn("expected O0, O1, O2, O3, found 'O9'", self.refusal({"opt_level": "O9"}).reason)
        self.assertIn("expected true or false, found 'maybe'", self.refusal({"data_tiling": "maybe"}).reason)
        self.assertIn("found 12", self.refusal({"opset": 12}).reason)
        self.assertIn("found [1]", self.refusal({"flags": [1]}).reason)

    def test_flags_that_would_make_the_answer_a_lie(self) -> None:
        for flag in ("--iree-llvmcpu-target-cpu=host", "-o", "--iree-hal-target-device=vulkan", "--compile-to=vm"):
            self.assertIn("is set by the backend itself", self.refusal({"flags": [flag]}).reason)
        self.assertIn("expected flags, found 'model.mlir'", self.refusal({"flags": "model.mlir"}).reason)


if __name__ == "__main__":
    unittest.main()
