"""The samples of other people's ternary layouts in tests/data/ternary are what their owners' packages make today. What is not installed is skipped and named;
pip has all of them: onnx, onnxruntime, gguf; transformers and torch (800 MB) for bitnet."""

import importlib.util
import unittest

from harness import ROOT

FOLDER = ROOT / "tests/data/ternary"
spec = importlib.util.spec_from_file_location("make_foreign", FOLDER / "make_foreign.py")
make_foreign = importlib.util.module_from_spec(spec)
spec.loader.exec_module(make_foreign)


class Owners(unittest.TestCase):
    def test_samples(self):
        made = set()
        for make in make_foreign.MAKERS:
            with self.subTest(make.__name__):
                try:
                    files = make(make_foreign.trits())
                except ImportError as missing:
                    self.skipTest(f"needs a package: {missing}")
                for name, content in files.items():
                    self.assertEqual((FOLDER / name).read_bytes(), content, name)
                made |= files.keys()
        self.assertIn("uint2.bin", made)

    def test_the_matrix(self):
        self.assertEqual((FOLDER / "trits.i8").read_bytes(), make_foreign.trits().tobytes())


if __name__ == "__main__":
    unittest.main(verbosity=2)
