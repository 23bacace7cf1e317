"""docs/ternary-format.md, section 7: its vectors against code written from the document and against the operators; its portable decoder against both."""

import re
import unittest

from harness import ROOT, run
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ternary_test import ENCODERS, matmul

TEXT = (ROOT / "docs/ternary-format.md").read_text()
SECTION = TEXT[TEXT.index("## 7. Test vectors"):TEXT.index("## 8.")]


def line(name: str) -> list[str]:
    return re.search(rf"^    {name} +(.*?)(?:   .*)?$", SECTION, re.M).group(1).split()


class Vector:
    """One matrix, written with its forms beside it."""

    def __init__(self, n: int, k: int):
        block = SECTION[SECTION.index(f"N = {n}, K = {k}"):].split("\n\n")[1].splitlines()
        self.w = np.array([[int(x) for x in re.match(r"[ W=]*((?:-?\d +){%d}-?\d)" % (k - 1), row).group(1).split()] for row in block[:n]])
        text = " ".join(block)
        self.forms = {f"ternary.{form}/1": bytes.fromhex(re.search(rf"{form} +([0-9a-f]+)", text).group(1)) for form in ("u2", "t5k", "t5r")}
        self.padding = [int(count) for count in re.findall(r"then (\d+) times 79", text)]


class Document(unittest.TestCase):
    def test_bytes(self):
        for n, k in ((6, 5), (3, 7)):
            vector = Vector(n, k)
            self.assertEqual(vector.w.shape, (n, k))
            for name, found in vector.forms.items():
                made = ENCODERS[name](vector.w).tobytes()
                if name == "ternary.t5r/1":
                    self.assertEqual(made[:len(found)], found)
                    self.assertEqual(vector.padding, [64 - k] * -(-n // 5))
                    self.assertEqual(made[k:64], b"\x79" * (64 - k))
                else:
                    self.assertEqual(made, found, name)

    def test_arithmetic(self):
        w = Vector(3, 7).w
        x, scales = (np.array([float(v) for v in line(name)], np.float32) for name in ("x", "scales"))
        q = np.clip(np.rint(x * (np.float32(127) / np.abs(x).max())), -128, 127).astype(int)
        self.assertEqual([str(v) for v in q], line("q"))
        self.assertEqual([str(v) for v in w @ q], line("acc"))
        for mode in ("int8", "float32"):
            for encoding in ENCODERS:
                y, = run(matmul(w, scales, encoding, mode=mode), {"x": x[None]})
                self.assertEqual([np.array(v, ">f4").tobytes().hex() for v in y[0]], line(mode), (mode, encoding))

    def test_refusals(self):
        w = Vector(3, 7).w
        good = {name: bytearray(ENCODERS[name](w)) for name in ENCODERS}
        for name, at, value in (("ternary.u2/1", 5, 0x41), ("ternary.u2/1", 0, 0xFF), ("ternary.t5k/1", 0, 243), ("ternary.t5r/1", 63, 0x78)):
            codes = bytearray(good[name])
            codes[at] = value
            with self.assertRaises(Exception, msg=(name, at)):
                run(matmul(w, np.ones(3, np.float32), name, codes=np.frombuffer(bytes(codes), np.uint8)), {"x": np.ones((1, 7), np.float32)})

    def test_the_portable_decoder(self):
        w = np.random.default_rng(3).integers(-1, 2, (13, 70))
        groups, stride = 3, 128
        codes = ENCODERS["ternary.t5r/1"](w).reshape(groups, 1, stride)
        nodes = [helper.make_node("Cast", ["bytes"], ["wide"], to=TensorProto.INT32), helper.make_node("Div", ["wide", "powers"], ["quotients"]),
                 helper.make_node("Mod", ["quotients", "three"], ["digits"]), helper.make_node("Reshape", ["digits", "shape"], ["rows"]),
                 helper.make_node("Slice", ["rows", "zero", "size"], ["codes"]), helper.make_node("Cast", ["codes"], ["real"], to=TensorProto.FLOAT),
                 helper.make_node("Sub", ["real", "one"], ["trits"])]
        constants = {"powers": np.array([1, 3, 9, 27, 81], np.int32).reshape(1, 5, 1), "three": np.array(3, np.int32), "one": np.array(1, np.float32),
                     "shape": np.array([5 * groups, stride]), "zero": np.array([0, 0]), "size": np.array(w.shape)}
        graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("bytes", TensorProto.UINT8, codes.shape)],
                                  [helper.make_tensor_value_info("trits", TensorProto.FLOAT, w.shape)],
                                  [numpy_helper.from_array(v, k) for k, v in constants.items()])
        model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 13)])
        onnx.checker.check_model(model, full_check=True)
        got, = run(model, {"bytes": codes}, ops=False)
        np.testing.assert_array_equal(got, w)


if __name__ == "__main__":
    unittest.main()
