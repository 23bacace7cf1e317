"""TernaryMatMul and TernaryGather in ONNX Runtime: the document's arithmetic, written again in numpy; bad nodes are refused when loaded."""

import os
import subprocess
import sys
import unittest

from harness import DOMAIN, run, session
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

rng = np.random.default_rng(1)


def t5r(w: np.ndarray) -> np.ndarray:
    n, k = w.shape
    padded = np.ones((-(-n // 5) * 5, -(-k // 64) * 64), np.int64)
    padded[:n, :k] = w + 1
    powers = 3 ** np.arange(5).reshape(1, 5, 1)
    return (padded.reshape(-1, 5, padded.shape[1]) * powers).sum(1).astype(np.uint8).ravel()


def t5k(w: np.ndarray) -> np.ndarray:
    n, k = w.shape
    padded = np.ones((n, -(-k // 5) * 5), np.int64)
    padded[:, :k] = w + 1
    return (padded.reshape(n, -1, 5) * 3 ** np.arange(5)).sum(-1).astype(np.uint8).ravel()


def u2(w: np.ndarray) -> np.ndarray:
    flat = np.zeros(-(-w.size // 4) * 4, np.int64)
    flat[: w.size] = w.ravel() + 1
    return (flat.reshape(-1, 4) << (2 * np.arange(4))).sum(-1).astype(np.uint8)


ENCODERS = {"ternary.t5r/1": t5r, "ternary.t5k/1": t5k, "ternary.u2/1": u2}


def model(kind: str, inputs: list, initializers: dict, rank: int = 2, **attributes) -> onnx.ModelProto:
    node = helper.make_node(kind, inputs, ["y"], domain=DOMAIN, **attributes)
    element = TensorProto.FLOAT if kind == "TernaryMatMul" else TensorProto.INT64
    name = next(i for i in inputs if i not in initializers)
    graph = helper.make_graph(
        [node], "g", [helper.make_tensor_value_info(name, element, [None] * rank)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(v, k) if isinstance(v, np.ndarray) else v for k, v in initializers.items()])
    return helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 21), helper.make_opsetid(DOMAIN, 1)])


def matmul(w, scales, encoding="ternary.t5r/1", block=0, mode="int8", rank=2, codes=None, **more):
    codes = ENCODERS[encoding](w) if codes is None else codes
    return model("TernaryMatMul", ["x", "codes", "scales"], {"codes": codes, "scales": scales}, rank,
                 **{"N": w.shape[0], "K": w.shape[1], "encoding": encoding, "block_size": block, "mode": mode, **more})


def expected(x, w, scales, block=0):
    f = np.float32
    most = np.maximum(np.abs(x).max(-1, keepdims=True), f(1e-5))
    q = np.clip(np.rint(x * (f(127) / most)), -128, 127).astype(np.int64)
    a = most / f(127)
    if not block:
        sums = (q @ w.T.astype(np.int64)).astype(f)
        return sums * (scales.astype(f).reshape(1, -1) * a)
    total = None
    for b in range(-(-w.shape[1] // block)):
        part = slice(b * block, (b + 1) * block)
        term = (q[:, part] @ w[:, part].T.astype(np.int64)).astype(f) * scales.astype(f)[:, b]
        total = term if total is None else total + term
    return total * a


def bits(a: np.ndarray) -> bytes:
    return np.ascontiguousarray(a, np.float32).tobytes()


class MatMul(unittest.TestCase):
    def setUp(self):
        self.w = rng.integers(-1, 2, (203, 324)).astype(np.int8)
        self.x = rng.standard_normal((3, 324)).astype(np.float32)

    def test_every_encoding_and_granularity_gives_the_same_bits(self):
        for encoding in ENCODERS:
            for shape, block in (((), 0), ((203,), 0), ((203, 3), 128), ((203, 21), 16)):
                scales = np.asarray(rng.random(shape), np.float32)
                for m in (1, 3, 40):
                    x = rng.standard_normal((m, 324)).astype(np.float32)
                    (y,) = run(matmul(self.w, scales, encoding, block), {"x": x}, threads=2)
                    self.assertEqual(bits(y), bits(expected(x, self.w, scales, block)), (encoding, shape, m))

    def test_half_scales(self):
        for kind in (TensorProto.FLOAT16, TensorProto.BFLOAT16):
            half = np.array(0.0314).astype(helper.tensor_dtype_to_np_dtype(kind))
            scale = numpy_helper.from_array(half, "scales")
            (y,) = run(matmul(self.w, scale), {"x": self.x})
            self.assertEqual(bits(y), bits(expected(self.x, self.w, half.astype(np.float32))))

    def test_float32_mode_is_exact_but_for_the_order_of_sums(self):
        scale = np.array(0.25, np.float32)
        (y,) = run(matmul(self.w, scale, mode="float32"), {"x": self.x})
        np.testing.assert_allclose(y, self.x.astype(np.float64) @ self.w.T * 0.25, rtol=0, atol=2e-5)

    def test_leading_dimensions_and_no_rows(self):
        scale = np.array(1, np.float32)
        x = rng.standard_normal((2, 3, 324)).astype(np.float32)
        (y,) = run(matmul(self.w, scale, rank=3), {"x": x})
        self.assertEqual(y.shape, (2, 3, 203))
        self.assertEqual(bits(y.reshape(6, -1)), bits(expected(x.reshape(6, -1), self.w, scale)))
        (y,) = run(matmul(self.w, scale, rank=3), {"x": x[:, :0]})
        self.assertEqual(y.shape, (2, 0, 203))

    def test_what_does_not_fit_is_refused_when_loaded(self):
        scale = np.array(1, np.float32)
        stray = t5r(self.w)
        stray[77] = 243
        for message, bad in (
            ("byte 77 of the codes is 243, which stands for no ternary weights", matmul(self.w, scale, codes=stray)),
            ("encoding 'ternary.t5r/2' is not known here", matmul(self.w, scale, codes=t5r(self.w), encoding="ternary.t5r/2")),
            ("the codes have 3 bytes, 15744 expected", matmul(self.w, scale, codes=t5r(self.w)[:3])),
            ("there are 2 scales, expected 203", matmul(self.w, np.ones(2, np.float32))),
            ("block_size is 48, expected 0 or a power of two", matmul(self.w, scale, block=48)),
            ("mode is 'fast', expected int8 or float32", matmul(self.w, scale, mode="fast")),
            ("scales must be float, float16 or bfloat16", matmul(self.w, np.ones(203, np.float64))),
        ):
            with self.assertRaisesRegex(Exception, "TernaryMatMul: " + message.replace("(", r"\(")):
                session(bad)

    def test_a_wrong_width_is_refused_when_run(self):
        with self.assertRaisesRegex(Exception, "A's last dimension is 5, expected K = 324"):
            run(matmul(self.w, np.array(1, np.float32)), {"x": np.zeros((1, 5), np.float32)})


class Gather(unittest.TestCase):
    def test_rows(self):
        w = rng.integers(-1, 2, (50, 30)).astype(np.int8)
        scales = rng.random(50).astype(np.float32)
        ids = np.array([[0, 49, -1], [7, 7, -50]], np.int64)
        for encoding, encode in ENCODERS.items():
            m = model("TernaryGather", ["codes", "scales", "ids"], {"codes": encode(w), "scales": scales},
                      N=50, K=30, encoding=encoding, block_size=0)
            (y,) = run(m, {"ids": ids})
            self.assertEqual(bits(y), bits((w * scales[:, None])[ids] + np.float32(0)))
            with self.assertRaisesRegex(Exception, r"index 50 is outside of \[-50, 50\)"):
                run(m, {"ids": np.array([[50]], np.int64)})


class Forms(unittest.TestCase):
    def test_forced_forms_and_instruction_sets_give_the_same_bits(self):
        if os.environ.get("ONNXPACK_TERNARY_CHILD"):
            return
        code = (
            "import sys; sys.path.insert(0, sys.argv[1]); import hashlib, numpy as np, ternary_test as t\n"
            "r = np.random.default_rng(3); w = r.integers(-1, 2, (101, 260)).astype(np.int8)\n"
            "x = r.standard_normal((2, 260)).astype(np.float32); s = r.random(101).astype(np.float32)\n"
            "print(hashlib.sha256(b''.join(t.run(t.matmul(w, s, e), {'x': x})[0].tobytes() for e in t.ENCODERS)).hexdigest())")
        answers = set()
        for variables in ({}, {"ONNXPACK_TERNARY_FORM": "stored"}, {"ONNXPACK_TERNARY_FORM": "u2r"}, {"ONNXPACK_KERNELS": "reference"}):
            done = subprocess.run([sys.executable, "-c", code, os.path.dirname(os.path.abspath(__file__))],
                                  env={**os.environ, **variables, "ONNXPACK_TERNARY_CHILD": "1"}, capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            answers.add(done.stdout)
        self.assertEqual(len(answers), 1)


if __name__ == "__main__":
    unittest.main()
