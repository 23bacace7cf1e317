"""`onnx-pack ternarize`: the forms of one model compute the same in ONNX Runtime, weights come back bit for bit, and what is not ternary stays."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

from harness import PROGRAM, ROOT, session
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

EXAMPLES = ROOT / "examples/ternary"


def setUpModule():
    if not PROGRAM.is_file():
        raise unittest.SkipTest("onnx-pack is not built")


def ternary(rng, shape, scale, dtype=np.float32):
    return (rng.integers(-1, 2, shape) * np.asarray(scale) + 0.0).astype(dtype)


class Folder(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.temporary.name)
        self.rng = np.random.default_rng(5)

    def tearDown(self):
        self.temporary.cleanup()

    def ternarize(self, model: pathlib.Path, name: str, *flags: str) -> dict:
        done = subprocess.run([PROGRAM, "ternarize", str(model), "-o", str(self.folder / name), "--json", *flags], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        onnx.checker.check_model(str(self.folder / name), full_check=True)
        return json.loads(done.stdout)

    def refused(self, model: pathlib.Path, *flags: str) -> str:
        done = subprocess.run([PROGRAM, "ternarize", str(model), "-o", str(self.folder / "no.onnx"), *flags], capture_output=True, text=True)
        self.assertNotEqual(done.returncode, 0)
        self.assertFalse((self.folder / "no.onnx").exists())
        return done.stderr

    def save(self, nodes, weights: dict, inputs, outputs, opset=25) -> pathlib.Path:
        graph = helper.make_graph(nodes, "g", inputs, outputs, [numpy_helper.from_array(v, k) for k, v in weights.items()])
        path = self.folder / "model.onnx"
        path.write_bytes(helper.make_model(graph, ir_version=10 if opset < 24 else 13, opset_imports=[helper.make_opsetid("", opset)]).SerializeToString())
        return path


class Decoder(Folder):
    def test_every_form_gives_the_same_tokens(self):
        for scales in ("tensor", "row"):
            model = self.folder / "decoder.onnx"
            subprocess.run([sys.executable, EXAMPLES / "make_decoder.py", model, "--layers", "2", "--hidden", "160", "--heads", "5", "--kv-heads", "1",
                            "--ffn", "448", "--vocab", "99", "--scales", scales], check=True, capture_output=True)
            names = []
            for name, flags in (("t5r", []), ("t5k", ["--encoding", "t5k"]), ("u2", ["--encoding", "u2"]), ("any", ["--form", "portable"])):
                report = self.ternarize(model, f"{scales}-{name}.onnx", *flags)
                self.assertEqual(len(report["tensors"]), 14)
                self.assertEqual({t["scales"] for t in report["tensors"]}, {scales})
                self.assertEqual([t["name"] for t in report["left"]], ["embedding", "head"])
                names.append(str(self.folder / f"{scales}-{name}.onnx"))
            ops = ["--ops", str(__import__("harness").LIBRARY)]
            done = subprocess.run([sys.executable, EXAMPLES / "decode.py", *ops, "--tokens", "6", *names], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertIn("all gave the same tokens", done.stdout)


class Weights(Folder):
    def several(self, dtype=np.float32, opset=25) -> pathlib.Path:
        """A graph with each way to use a weight, and each granularity."""
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        rows = np.linspace(0.5, 1.5, 48)
        blocks = np.repeat(self.rng.random((2, 48)) + 0.1, 64, axis=0)
        self.weights = {
            "table": ternary(self.rng, (30, 64), 0.25, dtype),
            "square": ternary(self.rng, (64, 48), rows, dtype),
            "gemm_n": ternary(self.rng, (48, 128), 0.125, dtype),
            "gemm_t": ternary(self.rng, (48, 128), 0.5, dtype),
            "blocks": ternary(self.rng, (128, 48), blocks, dtype),
            "bias": self.rng.random(48).astype(dtype),
            "dense": self.rng.random((48, 48)).astype(dtype),
        }
        nodes = [
            helper.make_node("Gather", ["table", "ids"], ["x"]),
            helper.make_node("MatMul", ["x", "square"], ["a"], name="first"),
            helper.make_node("Gemm", ["a", "gemm_n"], ["b"]),
            helper.make_node("Gemm", ["b", "gemm_t", "bias"], ["c"], transB=1),
            helper.make_node("MatMul", ["c", "dense"], ["d"]),
            helper.make_node("MatMul", ["b", "blocks"], ["e"]),
            helper.make_node("Add", ["d", "e"], ["y"]),
        ]
        return self.save(nodes, self.weights, [helper.make_tensor_value_info("ids", TensorProto.INT64, ["n"])],
                         [helper.make_tensor_value_info("y", kind, ["n", 48])], opset)

    def dequantised(self, path: pathlib.Path) -> dict:
        """The weights of the standard form, through onnx's own reading of UINT2."""
        model = onnx.load(str(path))
        tensors = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
        out = {}
        for node in model.graph.node:
            if node.op_type != "DequantizeLinear":
                continue
            attributes = {a.name: a.i for a in node.attribute}
            codes, scale, zero = (tensors[name] for name in node.input)
            self.assertTrue((zero.astype(np.int32) == 1).all())
            self.assertEqual(zero.shape, scale.shape)
            axis = attributes.get("axis", 1)
            if "block_size" in attributes:
                scale = np.repeat(scale, attributes["block_size"], axis=axis)
            elif scale.ndim:
                scale = scale.reshape([-1 if i == axis else 1 for i in range(2)])
            out[node.output[0]] = ((codes.astype(np.int8) - 1).astype(scale.dtype) * scale + 0.0).astype(scale.dtype)
        return out

    def test_the_standard_form_holds_the_same_weights(self):
        for dtype in (np.float32, np.float16):
            report = self.ternarize(self.several(dtype), "u2.onnx", "--form", "standard", "--force")
            self.assertEqual({t["name"]: t["scales"] for t in report["tensors"]},
                             {"table": "tensor", "square": "row", "gemm_n": "tensor", "gemm_t": "tensor", "blocks": "block 64"})
            found = self.dequantised(self.folder / "u2.onnx")
            self.assertEqual(len(found), 5)
            for name, value in found.items():
                self.assertEqual(value.tobytes(), self.weights[name].tobytes(), name)

    def test_the_standard_form_computes_the_same(self):
        model = self.several()
        self.ternarize(model, "u2.onnx", "--form", "standard")
        ids = np.array([0, 3, 29])
        want, = session(model, ops=False).run(None, {"ids": ids})
        got, = session(self.folder / "u2.onnx", ops=False).run(None, {"ids": ids})
        np.testing.assert_allclose(got, want, rtol=0.03, atol=0.03 * np.abs(want).max())  # ONNX Runtime quantises activations itself

    def test_operators_and_portable_agree_bit_for_bit(self):
        model = self.several(opset=17)
        report = self.ternarize(model, "own.onnx")
        self.assertEqual([t["name"] for t in report["left"]], ["dense"])
        portable = self.ternarize(model, "any.onnx", "--form", "portable")
        self.assertIn({"name": "blocks", "why": "the portable form has no block scales"}, portable["left"])
        ids = np.array([1, 2, 28])
        def values(path, ops):  # of the part before block scales
            proto = onnx.load(str(path))
            proto.graph.output.append(helper.make_tensor_value_info("d", TensorProto.FLOAT, None))
            proto.graph.output.append(helper.make_tensor_value_info("x", TensorProto.FLOAT, None))
            return session(proto, ops=ops).run(["d", "x"], {"ids": ids})
        for own, other in zip(values(self.folder / "own.onnx", True), values(self.folder / "any.onnx", False)):
            np.testing.assert_array_equal(own, other)

    def test_float_activations_are_near_the_original(self):
        for dtype, bound in ((np.float32, 1e-5), (np.float16, 1e-2)):
            model = self.several(dtype)
            self.ternarize(model, "own.onnx", "--float-activations", "--force")
            ids = np.array([7])
            want, = session(model, ops=False).run(None, {"ids": ids})
            got, = session(self.folder / "own.onnx").run(None, {"ids": ids})
            np.testing.assert_allclose(got, want, rtol=bound, atol=bound * float(np.abs(want).max()))

    def test_raises_the_opset_only_where_nothing_changed(self):
        self.ternarize(self.several(opset=17), "u2.onnx", "--form", "standard")
        self.assertEqual(onnx.load(str(self.folder / "u2.onnx")).opset_import[0].version, 25)
        w = {"w": ternary(self.rng, (32, 32), 0.5)}
        value = lambda n: helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n", 32])
        model = self.save([helper.make_node("MatMul", ["x", "w"], ["m"]), helper.make_node("ReduceSum", ["m"], ["y"], axes=[1])], w, [value("x")],
                          [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)], opset=11)
        self.assertIn("opset 11 cannot be raised to 25: ReduceSum changed meanwhile", self.refused(model, "--form", "standard"))

    def test_negative_zero_is_refused_unless_told(self):
        w = ternary(self.rng, (32, 32), 0.5)
        w[3, 4], w[0, 1] = -0.0, -0.0
        value = lambda n: helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n", 32])
        model = self.save([helper.make_node("MatMul", ["x", "w"], ["y"])], {"w": w}, [value("x")], [value("y")])
        self.assertIn("-0.0 at row 1, column 0", self.refused(model))
        report = self.ternarize(model, "t.onnx", "--negative-zero-as-zero")
        self.assertEqual(report["tensors"][0]["negative_zeros"], 2)

    def test_other_uses_keep_a_weight(self):
        w = {"w": ternary(self.rng, (32, 32), 0.5)}
        value = lambda n: helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n", 32])
        model = self.save([helper.make_node("MatMul", ["x", "w"], ["m"]), helper.make_node("Add", ["m", "w"], ["y"])], w, [value("x")], [value("y")])
        self.assertIn("w: Add uses it as input 1", self.refused(model))
        self.ternarize(model, "u2.onnx", "--form", "standard")  # here it still is a value


if __name__ == "__main__":
    unittest.main()
