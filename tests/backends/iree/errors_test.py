"""What iree-compile says, in one line."""

import unittest

import support
from onnxpack_iree import iree_errors, options, targets
from onnxpack_iree.child import Finished
from onnxpack_iree.protocol import Failed, Refused, Stop

# Shortened from what iree-compile 3.13 prints.
NO_LOWERING = """<unknown>:0: error: loc(""): failed to legalize operation 'torch.operator' that was explicitly marked illegal: %0 = "torch.operator"(%arg0) <{name = "onnx.Frobnicate"}> : (!torch.vtensor<[4],f32>) -> !torch.vtensor<[4],f32>
<unknown>:0: note: loc(""): see current operation: %0 = "torch.operator"(%arg0) <{name = "onnx.Frobnicate"}> : (!torch.vtensor<[4],f32>)
"""
NO_LOWERING_TEXT = """model.mlir:3:10: error: failed to legalize operation 'torch.operator' that was explicitly marked illegal
    %0 = torch.operator "onnx.Frobnicate"(%arg0) : (!torch.vtensor<[4],f32>) -> !torch.vtensor<[4],f32>
"""
NO_GPU = """det.mlir:238:12: error: missing GPU target in #hal.executable.target
    %234 = torch.operator "onnx.Conv"(%arg0, %12) {torch.onnx.group = 1 : si64} : (!torch.vtensor<[1,3],f32>)
"""
STACK = "model.mlirbc:1:1: error: 'func.func' op exceeded stack allocation limit of 32768 bytes for function. Got 65536 bytes\n"


class Errors(unittest.TestCase):
    def stop(self, output: str, code: int = 1, dynamic: tuple[str, ...] = (), level: str = "O1") -> Stop:
        plan = targets.plan(support.x86("v3"), "3.13.0")
        return iree_errors.compile_failed(Finished(code, output), plan, list(dynamic), options.Options(opt_level=level))

    def test_operator_without_lowering(self) -> None:
        for output in (NO_LOWERING, NO_LOWERING_TEXT):
            stop = self.stop(output)
            self.assertIsInstance(stop, Refused)
            self.assertEqual(stop.reason, "IREE cannot lower operator Frobnicate")

    def test_open_dimensions_are_what_to_type(self) -> None:
        stop = self.stop("x.mlir:1:2: error: something dynamic\n", dynamic=("--free-dimension-override batch=<size>",))
        self.assertIsInstance(stop, Refused)
        self.assertEqual(stop.reason, "iree-compile: something dynamic")
        self.assertEqual(stop.hint, "close the open dimensions: --free-dimension-override batch=<size>")

    def test_gpu_that_the_release_does_not_know(self) -> None:
        self.assertIn("does not know this GPU", self.stop(NO_GPU).reason)

    def test_stack_limit_names_the_option(self) -> None:
        stop = self.stop(STACK, level="O2")
        self.assertIsInstance(stop, Failed)
        self.assertEqual(stop.hint, "iree.opt_level=O1 (this was O2)")

    def test_unknown_flag(self) -> None:
        stop = self.stop("iree-compile: Unknown command line argument '--zzz'.  Try: 'iree-compile --help'\n")
        self.assertEqual(stop.reason, "iree-compile has no flag --zzz")
        self.assertIn("iree.flags", stop.hint)

    def test_crash_and_silence(self) -> None:
        self.assertEqual(self.stop("", code=-11).reason, "iree-compile was ended by SIGSEGV")
        self.assertEqual(self.stop("").reason, "iree-compile: it said nothing")


if __name__ == "__main__":
    unittest.main()
