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


class Bodies(Folder):
    """Weights of the main graph that are used in bodies of If, Loop and Scan."""

    N = 32

    def value(self, name: str, shape=("n", 32)):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    def loop(self) -> pathlib.Path:
        """y = x times a, three times, with an If in the Loop whose branches use two more, one by Gather; w is another's name there."""
        shape = (self.N, self.N)
        self.weights = {"a": ternary(self.rng, shape, 0.125), "b": ternary(self.rng, shape, np.linspace(0.1, 0.2, self.N)), "table": ternary(self.rng, shape, 0.25),
                        "w": ternary(self.rng, shape, 0.5)}
        branch = lambda name, nodes: helper.make_graph(nodes, name, [], [self.value("out_" + name)])
        then = branch("then", [helper.make_node("MatMul", ["m", "b"], ["out_then"])])
        other = branch("else", [helper.make_node("Gather", ["table", "ids"], ["g"]), helper.make_node("Add", ["g", "m"], ["out_else"])])
        # The loop's own value w hides the weight of that name.
        body = helper.make_graph(
            [helper.make_node("MatMul", ["w", "a"], ["m"], name="inner"), helper.make_node("Mod", ["i", "two"], ["odd"]),
             helper.make_node("Cast", ["odd"], ["is_odd"], to=TensorProto.BOOL), helper.make_node("If", ["is_odd"], ["r"], then_branch=then, else_branch=other),
             helper.make_node("MatMul", ["r", "w_t"], ["unused"]), helper.make_node("Identity", ["go"], ["go_on"])],
            "body", [helper.make_tensor_value_info("i", TensorProto.INT64, []), helper.make_tensor_value_info("go", TensorProto.BOOL, []), self.value("w")],
            [helper.make_tensor_value_info("go_on", TensorProto.BOOL, []), self.value("r")], [numpy_helper.from_array(np.eye(self.N, dtype=np.float32), "w_t")])
        nodes = [helper.make_node("MatMul", ["x", "w"], ["start"]), helper.make_node("Loop", ["times", "", "start"], ["y"], body=body)]
        constants = {"two": np.array(2), "times": np.array(3), "ids": np.array([5, 1])}
        return self.save(nodes, self.weights | constants, [self.value("x", (2, 32))], [self.value("y", (2, 32))])

    def test_every_form_gives_what_the_loop_gives(self):
        path = self.loop()
        x = self.rng.standard_normal((2, self.N)).astype(np.float32)
        want, = session(path, ops=False).run(None, {"x": x})
        report = self.ternarize(path, "own.onnx", "--float-activations")
        self.assertEqual({t["name"] for t in report["tensors"]}, {"a", "b", "table", "w", "Loop/w_t"})
        self.assertEqual(report["left"], [])
        model = onnx.load(str(self.folder / "own.onnx"))
        body = next(n for n in model.graph.node if n.op_type == "Loop").attribute[0].g
        self.assertEqual([n.op_type for n in body.node][:1], ["TernaryMatMul"])
        self.assertEqual(body.node[0].name, "inner")
        got, = session(self.folder / "own.onnx").run(None, {"x": x})
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4 * np.abs(want).max())
        self.ternarize(path, "int8.onnx")
        self.ternarize(path, "any.onnx", "--form", "portable")
        left, = session(self.folder / "int8.onnx").run(None, {"x": x})
        right, = session(self.folder / "any.onnx", ops=False).run(None, {"x": x})
        np.testing.assert_array_equal(left, right)
        self.ternarize(path, "std.onnx", "--form", "standard")
        standard, = session(self.folder / "std.onnx", ops=False).run(None, {"x": x})
        np.testing.assert_allclose(standard, want, rtol=0.1, atol=0.1 * np.abs(want).max())

    def branches(self, then_extra=(), external=False) -> tuple[pathlib.Path, list]:
        """An If whose branches have a weight of the same name each; the second one's is used in an If of its own."""
        one, two = ternary(self.rng, (32, 32), 0.5), ternary(self.rng, (32, 32), np.linspace(0.1, 0.2, 32))
        graph = lambda name, nodes, outs, weights=(): helper.make_graph(nodes, name, [], outs, [numpy_helper.from_array(w, n) for n, w in weights])
        inner = graph("inner", [helper.make_node("MatMul", ["x", "w"], ["p"])], [self.value("p")])
        plain = graph("plain", [helper.make_node("Identity", ["x"], ["q"])], [self.value("q")])
        then = graph("then", [helper.make_node("MatMul", ["x", "w"], ["t"])], [self.value("t"), *then_extra], [("w", one)])
        other = graph("else", [helper.make_node("If", ["c"], ["e"], then_branch=plain, else_branch=inner), *(helper.make_node("Identity", ["e"], [f"more_{i}"]) for i in range(len(then_extra)))],
                      [self.value("e"), *(self.value(f"more_{i}") for i in range(len(then_extra)))], [("w", two)])
        c = helper.make_tensor_value_info("c", TensorProto.BOOL, [])
        outs = ["y"] + [f"z_{i}" for i in range(len(then_extra))]
        # The name that the first weight would get is taken.
        nodes = [helper.make_node("If", ["c"], outs, name="choose", then_branch=then, else_branch=other), helper.make_node("Identity", ["y"], ["choose/w"])]
        path = self.save(nodes, {}, [self.value("x", (3, 32)), c], [self.value(o) for o in (*outs, "choose/w")])
        if external:
            onnx.save(onnx.load(path), path, save_as_external_data=True, location="model.data", size_threshold=0)
        return path, [one, two]

    def test_initializers_of_bodies(self):
        for external in (False, True):
            with self.subTest(external=external):
                (self.folder / "model.data").unlink(missing_ok=True)
                path, weights = self.branches(external=external)
                x = self.rng.integers(-9, 9, (3, 32)).astype(np.float32)
                for form in ("operators", "standard", "portable"):
                    name = f"{form}-{external}.onnx"
                    report = self.ternarize(path, name, "--form", form, *(["--float-activations"] if form == "operators" else []))
                    self.assertEqual([t["name"] for t in report["tensors"]], ["choose/w_2", "choose/w_3"])
                    self.assertEqual(report["left"], [])
                    made = onnx.load(str(self.folder / name), load_external_data=False)
                    bodies = [a.g for n in made.graph.node for a in n.attribute if a.HasField("g")]
                    self.assertEqual([len(b.initializer) for b in bodies], [0, 0])
                    for c, w in zip((True, False), weights):
                        want, = session(path, ops=False).run(["y"], {"x": x, "c": np.array(c)})
                        got, = session(self.folder / name, ops=form == "operators").run(["y"], {"x": x, "c": np.array(c)})
                        near = 1e-5 if form == "operators" else 0.05
                        np.testing.assert_allclose(got, want, rtol=near, atol=near * np.abs(want).max())

    def test_values_of_constant_nodes(self):
        a, b = ternary(self.rng, (32, 32), 0.5), ternary(self.rng, (32, 32), 0.25)
        constant = lambda w, name: helper.make_node("Constant", [], [name], value=numpy_helper.from_array(w, "any"))
        body = helper.make_graph([constant(b, "w"), helper.make_node("MatMul", ["s", "w"], ["r"]), helper.make_node("Identity", ["go"], ["on"])], "body",
                                 [helper.make_tensor_value_info("i", TensorProto.INT64, []), helper.make_tensor_value_info("go", TensorProto.BOOL, []), self.value("s")],
                                 [helper.make_tensor_value_info("on", TensorProto.BOOL, []), self.value("r")])
        path = self.save([constant(a, "w0"), helper.make_node("MatMul", ["x", "w0"], ["h"]), helper.make_node("Loop", ["times", "", "h"], ["y"], body=body),
                          constant(a * 3, "kept")], {"times": np.array(2)}, [self.value("x", (3, 32))], [self.value("y", (3, 32)), self.value("kept", (32, 32))])
        x = self.rng.integers(-9, 9, (3, 32)).astype(np.float32)
        report = self.ternarize(path, "constants.onnx", "--float-activations")
        self.assertEqual([t["name"] for t in report["tensors"]], ["w0", "Loop/w"])
        want, kept = session(path, ops=False).run(None, {"x": x})
        got, same = session(self.folder / "constants.onnx").run(None, {"x": x})
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-4)
        np.testing.assert_array_equal(same, kept)

    def test_an_initializer_that_a_body_gives_out_stays_there(self):
        path, _ = self.branches(then_extra=[self.value("w")])
        report = self.ternarize(path, "out.onnx")
        self.assertEqual([t["name"] for t in report["tensors"]], ["choose/w_2"])
        self.assertEqual([(t["name"], t["why"]) for t in report["left"]], [("w", "an initializer of a body of choose, which gives it out")])

    def functions(self, opset: int) -> pathlib.Path:
        """A function called twice with two weights, through another function."""
        weights = {"a": ternary(self.rng, (32, 32), 0.5), "b": ternary(self.rng, (32, 32), np.linspace(0.1, 0.2, 32))}
        path = self.save([helper.make_node("Outer", ["x", "a"], ["h"], domain="local"), helper.make_node("Inner", ["h", "b"], ["y"], domain="local")], weights,
                         [self.value("x", (3, 32))], [self.value("y", (3, 32))])
        model = onnx.load(path)
        model.opset_import.append(helper.make_opsetid("local", 1))
        imports = [helper.make_opsetid("", opset), helper.make_opsetid("local", 1)]
        model.functions.append(helper.make_function("local", "Inner", ["v", "w"], ["o"], [helper.make_node("MatMul", ["v", "w"], ["m"]), helper.make_node("Relu", ["m"], ["o"])], imports))
        model.functions.append(helper.make_function("local", "Outer", ["v", "w"], ["o"], [helper.make_node("Inner", ["v", "w"], ["o"], domain="local")], imports))
        path.write_bytes(model.SerializeToString())
        return path

    def test_weights_that_functions_are_called_with(self):
        path = self.functions(25)
        x = self.rng.integers(-9, 9, (3, 32)).astype(np.float32)
        want, = session(path, ops=False).run(None, {"x": x})
        report = self.ternarize(path, "functions.onnx", "--float-activations")
        self.assertEqual([(t["name"], t["scales"]) for t in report["tensors"]], [("a", "tensor"), ("b", "row")])
        made = onnx.load(str(self.folder / "functions.onnx"))
        self.assertEqual([n.op_type for n in made.graph.node], ["TernaryMatMul", "Relu", "TernaryMatMul", "Relu"])
        got, = session(self.folder / "functions.onnx").run(None, {"x": x})
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)

    def test_a_function_of_another_opset_is_said(self):
        # Relu changed with opset 14, MatMul with 13.
        refused = self.refused(self.functions(12))
        self.assertIn("weights of function Inner: it cannot be written out: function Inner is of opset 12", refused)

    def test_what_a_body_uses_otherwise_stays(self):
        w = {"w": ternary(self.rng, (32, 32), 0.5)}
        for nodes, out, why in (([helper.make_node("Add", ["x", "w"], ["o"])], "o", "w: Add in a body of If uses it as input 1"),
                                ([], "w", "w: a body of If gives it out"),
                                ([helper.make_node("Gemm", ["x", "w"], ["o"], transB=1)], "o", "w: Gemm uses its transpose")):
            with self.subTest(why):
                then = helper.make_graph(nodes, "then", [], [self.value(out, None)])
                other = helper.make_graph([helper.make_node("Identity", ["x"], ["e"])], "else", [], [self.value("e", None)])
                c = helper.make_tensor_value_info("c", TensorProto.BOOL, [])
                model = self.save([helper.make_node("MatMul", ["x", "w"], ["m"]), helper.make_node("If", ["c"], ["i"], then_branch=then, else_branch=other),
                                   helper.make_node("Add", ["m", "i"], ["y"])], w, [self.value("x", (32, 32)), c], [self.value("y", (32, 32))])
                self.assertIn(why, self.refused(model))


class Quantised(Folder):
    """Weights that are integers with scales already."""

    K, N = 64, 48

    def raw(self, name: str, values: np.ndarray, kind: int) -> onnx.TensorProto:
        """A tensor of any integer type, packed lowest bits first."""
        bits = {TensorProto.INT8: 8, TensorProto.UINT8: 8, TensorProto.INT4: 4, TensorProto.UINT4: 4, TensorProto.INT2: 2, TensorProto.UINT2: 2}[kind]
        fields = (values.astype(np.int64).reshape(-1) & ((1 << bits) - 1)).astype(np.uint8)
        fields = np.append(fields, np.zeros(-fields.size % (8 // bits), np.uint8)).reshape(-1, 8 // bits)
        packed = (fields << (bits * np.arange(8 // bits))).sum(1).astype(np.uint8)
        return TensorProto(name=name, data_type=kind, dims=values.shape, raw_data=packed.tobytes())

    def write(self, nodes, tensors, opset=25) -> pathlib.Path:
        x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", self.K])
        y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", self.N])
        graph = helper.make_graph(nodes, "g", [x], [y], tensors)
        path = self.folder / "model.onnx"
        imports = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
        path.write_bytes(helper.make_model(graph, ir_version=13, opset_imports=imports).SerializeToString())
        return path

    def check(self, path: pathlib.Path, weight: np.ndarray, granularity: str, freed=()) -> None:
        """`weight` is [K, N]. The operators give its products, in every form; what held it before is gone."""
        x = self.rng.standard_normal((3, self.K)).astype(np.float32)
        want = x @ weight
        report = self.ternarize(path, "own.onnx", "--float-activations", "--force")
        self.assertEqual([t["scales"] for t in report["tensors"]], [granularity])
        model = onnx.load(str(self.folder / "own.onnx"))
        self.assertFalse({t.name for t in model.graph.initializer} & set(freed))
        self.assertFalse({n.op_type for n in model.graph.node} & {"DequantizeLinear", "MatMulNBits", "MatMul"})
        got, = session(self.folder / "own.onnx").run(None, {"x": x})
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5 * np.abs(want).max())
        self.ternarize(path, "std.onnx", "--form", "standard", "--force")
        standard, = session(self.folder / "std.onnx", ops=False).run(None, {"x": x})
        np.testing.assert_allclose(standard, want, rtol=0.05, atol=0.05 * np.abs(want).max())
        if not granularity.startswith("block"):
            self.ternarize(path, "any.onnx", "--form", "portable", "--force")
            self.ternarize(path, "int8.onnx", "--force")
            left, = session(self.folder / "any.onnx", ops=False).run(None, {"x": x})
            right, = session(self.folder / "int8.onnx").run(None, {"x": x})
            np.testing.assert_array_equal(left, right)

    def test_dequantize_linear_of_every_integer_type(self):
        types = {TensorProto.INT8: 0, TensorProto.UINT8: 128, TensorProto.INT4: 0, TensorProto.UINT4: 8, TensorProto.INT2: 0, TensorProto.UINT2: 1}
        for kind, zero in types.items():
            for granularity in ("tensor", "row", "block 32"):
                trits = self.rng.integers(-1, 2, (self.K, self.N))
                attributes, shape = {}, {"tensor": (), "row": (self.N,), "block 32": (self.K // 32, self.N)}[granularity]
                scale = (self.rng.random(shape) + 0.5).astype(np.float32)
                spread = np.repeat(scale, 32, axis=0) if granularity == "block 32" else scale
                if granularity == "row":
                    attributes = {"axis": 1}
                elif granularity == "block 32":
                    attributes = {"axis": 0, "block_size": 32}
                tensors = [self.raw("q", trits + zero, kind), numpy_helper.from_array(scale, "s"), self.raw("z", np.full(shape, zero), kind)]
                nodes = [helper.make_node("DequantizeLinear", ["q", "s", "z"], ["w"], **attributes), helper.make_node("MatMul", ["x", "w"], ["y"])]
                with self.subTest(kind=kind, granularity=granularity):
                    self.check(self.write(nodes, tensors), (trits * spread).astype(np.float32), granularity, ("q", "s", "z"))

    def test_full_scale_int8_without_zero_point_and_gemm(self):
        trits = self.rng.integers(-1, 2, (self.N, self.K))
        scale = (self.rng.random(self.N) + 0.5).astype(np.float32) / 127
        tensors = [self.raw("q", trits * 127, TensorProto.INT8), numpy_helper.from_array(scale, "s")]
        nodes = [helper.make_node("DequantizeLinear", ["q", "s"], ["w"], axis=0), helper.make_node("Gemm", ["x", "w"], ["y"], transB=1)]
        self.check(self.write(nodes, tensors, 21), ((trits * 127).astype(np.float32) * scale[:, None]).T, "row", ("q", "s"))

    def nbits(self, bits: int, block: int, zeros: bool, bias: bool, trits: np.ndarray):
        """MatMulNBits of trits [N, K], with the zero point 1 or the default in the middle."""
        zero, blocks = 1 if zeros else 1 << (bits - 1), -(-self.K // block)
        codes = np.full((self.N, blocks * block), zero)
        codes[:, :self.K] = trits + zero
        scale = np.repeat((self.rng.random((self.N, 1)) + 0.5).astype(np.float32), blocks, axis=1)
        packed = self.raw("b", codes, TensorProto.UINT8 if bits == 8 else TensorProto.UINT4 if bits == 4 else TensorProto.UINT2)
        b = TensorProto(name="b", data_type=TensorProto.UINT8, dims=[self.N, blocks, block * bits // 8], raw_data=packed.raw_data)
        tensors, inputs = [b, numpy_helper.from_array(scale, "s")], ["x", "b", "s"]
        if zeros:
            row = sum(zero << bits * i for i in range(8 // bits))
            tensors.append(numpy_helper.from_array(np.full((self.N, -(-blocks * bits // 8)), row, np.uint8), "z"))
        if bias:
            inputs += ["z" if zeros else "", "", "c"]
            tensors.append(numpy_helper.from_array(self.rng.random(self.N).astype(np.float32), "c"))
        elif zeros:
            inputs.append("z")
        node = helper.make_node("MatMulNBits", inputs, ["y"], domain="com.microsoft", K=self.K, N=self.N, bits=bits, block_size=block, name="linear")
        return self.write([node], tensors), scale

    def test_matmul_nbits(self):
        for bits in (2, 4, 8):
            for zeros in (False, True):
                trits = self.rng.integers(-1, 2, (self.N, self.K))
                path, scale = self.nbits(bits, 32, zeros, False, trits)
                weight = (trits * scale[:, :1]).astype(np.float32).T
                with self.subTest(bits=bits, zeros=zeros):
                    # ONNX Runtime's own reading of the same bytes.
                    identity, = session(path, ops=False).run(None, {"x": np.eye(self.K, dtype=np.float32)})
                    np.testing.assert_allclose(identity, weight, rtol=1e-6, atol=1e-6)
                    self.check(path, weight, "row", ("b", "s", "z"))

    def test_matmul_nbits_with_bias(self):
        trits = self.rng.integers(-1, 2, (self.N, self.K))
        path, scale = self.nbits(4, 32, False, True, trits)
        x = self.rng.standard_normal((2, self.K)).astype(np.float32)
        want, = session(path, ops=False).run(None, {"x": x})
        self.ternarize(path, "own.onnx", "--float-activations")
        got, = session(self.folder / "own.onnx").run(None, {"x": x})
        np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-3 * np.abs(want).max())

    def test_integers_that_are_not_ternary_stay(self):
        q = self.rng.integers(-2, 3, (self.K, self.N))
        q[0, 0] = 2
        tensors = [self.raw("q", q, TensorProto.INT8), numpy_helper.from_array(np.float32(0.5), "s")]
        nodes = [helper.make_node("DequantizeLinear", ["q", "s"], ["w"]), helper.make_node("MatMul", ["x", "w"], ["y"])]
        self.assertIn("w: not ternary: a second magnitude", self.refused(self.write(nodes, tensors)))

    def test_what_others_use_stays(self):
        trits = self.rng.integers(-1, 2, (self.K, self.N))
        tensors = [self.raw("q", trits, TensorProto.INT8), numpy_helper.from_array(np.float32(0.5), "s"), numpy_helper.from_array(np.ones(1, np.float32), "one")]
        nodes = [helper.make_node("DequantizeLinear", ["q", "s"], ["w"]), helper.make_node("MatMul", ["x", "w"], ["m"]),
                 helper.make_node("Cast", ["q"], ["f"], to=TensorProto.FLOAT), helper.make_node("ReduceSum", ["f"], ["sum"]),
                 helper.make_node("Mul", ["m", "s"], ["n"]), helper.make_node("Add", ["n", "sum"], ["y"])]
        path = self.write(nodes, tensors)
        self.ternarize(path, "own.onnx", "--float-activations")
        self.assertLessEqual({"q", "s"}, {t.name for t in onnx.load(str(self.folder / "own.onnx")).graph.initializer})
        x = self.rng.standard_normal((2, self.K)).astype(np.float32)
        want, = session(path, ops=False).run(None, {"x": x})
        got, = session(self.folder / "own.onnx").run(None, {"x": x})
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4 * np.abs(want).max())


if __name__ == "__main__":
    unittest.main()
