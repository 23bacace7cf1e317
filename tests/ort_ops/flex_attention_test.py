"""org.onnxpack::FlexAttention in ONNX Runtime against onnx's node tests and the operator's function body."""

import unittest
import warnings

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from harness import DOMAIN, PROGRAM, SKIPPED, run
from lowering import ModifierBuilder, flex_model, inlined, lower, operators

if not PROGRAM.exists():
    print(f"SKIPPED: needs {PROGRAM}")
    raise SystemExit(SKIPPED)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # onnx makes the cases of every operator
    from onnx.backend.test.case.node import collect_testcases

LOWERED = {(DOMAIN, "FlexAttention")}


def node_tests():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cases = collect_testcases("FlexAttention")
    for case in cases:
        if case.name.startswith("test_flexattention"):
            yield case


class NodeTests(unittest.TestCase):
    def test_all_of_onnx(self):
        names = []
        for case in node_tests():
            if "expanded" in case.name:
                continue
            names.append(case.name)
            with self.subTest(case.name):
                lowered = lower(case.model)
                self.assertEqual(operators(lowered), LOWERED)
                expanded = lower(case.model, "--expand")
                for inputs, outputs in case.data_sets:
                    feeds = {value.name: array for value, array in zip(case.model.graph.input, inputs)}
                    limit = 1e-3 if outputs[0].dtype == np.float16 else 1e-5
                    np.testing.assert_allclose(run(lowered, feeds)[0], outputs[0], rtol=limit, atol=limit)
                    np.testing.assert_allclose(run(expanded, feeds, ops=False)[0], outputs[0], rtol=limit, atol=limit)
        self.assertEqual(len(names), 11)


def tensors(rng, b=2, hq=4, hkv=2, length=5, s=7, e=8, ev=6, dtype=np.float32):
    return {"Q": rng.standard_normal((b, hq, length, e)).astype(dtype), "K": rng.standard_normal((b, hkv, s, e)).astype(dtype),
            "V": rng.standard_normal((b, hkv, s, ev)).astype(dtype)}


SHAPES = {"Q": ["B", "H", "L", "E"], "K": ["B", "G", "S", "E"], "V": ["B", "G", "S", "F"], "Y": ["B", "H", "L", "F"]}


class Semantics(unittest.TestCase):
    def agree(self, model, feeds, limit=2e-5, operator=True):
        lowered = lower(model)
        if operator:
            self.assertEqual(operators(lowered), LOWERED)
        got, want = run(lowered, feeds)[0], run(inlined(model), feeds, ops=False)[0]
        np.testing.assert_allclose(got, want, rtol=limit, atol=limit, equal_nan=True)
        return got

    def test_a_row_that_is_masked_whole_is_nan_as_specified(self):
        m = ModifierBuilder()
        result = m.op("Where", m.op("Less", m.axis(3), m.axis(2)), "in", m.real(-np.inf))
        got = self.agree(flex_model(TensorProto.FLOAT, SHAPES, score_mod=m.graph(result)), tensors(np.random.default_rng(1)))
        self.assertTrue(np.isnan(got[:, :, 0]).all())
        self.assertFalse(np.isnan(got[:, :, 1:]).any())

    def test_zeros_for_it_are_an_option(self):
        m = ModifierBuilder()
        result = m.op("Where", m.op("Less", m.axis(3), m.axis(2)), "in", m.real(-np.inf))
        lowered = lower(flex_model(TensorProto.FLOAT, SHAPES, score_mod=m.graph(result)))
        lowered.graph.node[0].attribute.append(onnx.helper.make_attribute("zero_masked_rows", 1))
        got = run(lowered, tensors(np.random.default_rng(1)))[0]
        self.assertTrue((got[:, :, 0] == 0).all())

    def test_captured_values(self):
        m = ModifierBuilder()
        distance = m.op("Cast", m.op("Sub", m.axis(3), m.axis(2)), to=TensorProto.FLOAT)
        slopes = m.op("Reshape", "slopes", m.const([1, -1, 1, 1]))
        biased = m.op("Add", "in", m.op("Mul", distance, slopes))
        prefix = m.op("Reshape", "prefix", m.const([-1, 1, 1, 1]))
        seen = m.op("Or", m.op("Less", m.axis(3), prefix), m.op("LessOrEqual", m.axis(3), m.axis(2)))
        model = flex_model(TensorProto.FLOAT, SHAPES, {"slopes": (TensorProto.FLOAT, ["H"]), "prefix": (TensorProto.INT64, ["B"])},
                           score_mod=m.graph(m.op("Where", seen, biased, m.real(-np.inf))))
        feeds = tensors(np.random.default_rng(2))
        feeds |= {"slopes": np.float32([0.5, 0.25, 0.125, 0.0625]), "prefix": np.int64([3, 1])}
        self.agree(model, feeds)

    def test_documents(self):
        m = ModifierBuilder()
        of_q = m.op("Gather", "documents", m.axis(2))
        of_k = m.op("Gather", "documents", m.axis(3))
        model = flex_model(TensorProto.FLOAT, SHAPES, {"documents": (TensorProto.INT32, ["N"])},
                           score_mod=m.graph(m.op("Where", m.op("Equal", of_q, of_k), "in", m.real(-np.inf))))
        feeds = tensors(np.random.default_rng(3), length=9, s=9) | {"documents": np.int32([0, 0, 1, 1, 1, 1, 2, 2, 2])}
        self.agree(model, feeds)

    def test_general_prob_mod(self):
        m = ModifierBuilder(name="prob_mod")
        quantised = m.op("Round", m.op("Mul", "in", m.real(127)))
        model = flex_model(TensorProto.FLOAT, SHAPES, prob_mod=m.graph(m.op("Div", quantised, m.real(127))))
        self.agree(model, tensors(np.random.default_rng(4)))

    def test_quantised_probabilities(self):
        m = ModifierBuilder(name="prob_mod")
        scale = m.real(1 / 127)
        quantised = m.op("QuantizeLinear", "in", scale, m.const(0, np.int8))
        model = flex_model(TensorProto.FLOAT, SHAPES, prob_mod=m.graph(m.op("DequantizeLinear", quantised, scale, m.const(0, np.int8))))
        self.agree(model, tensors(np.random.default_rng(5)))

    def test_empty_sizes(self):
        model = flex_model(TensorProto.FLOAT, SHAPES)
        lowered = lower(model)
        rng = np.random.default_rng(6)
        self.assertEqual(run(lowered, tensors(rng, length=0))[0].shape, (2, 4, 0, 6))
        # No key: an empty sum. The function body cannot be asked, its own Reshape takes the 0 for "as it was".
        self.assertTrue((run(lowered, tensors(rng, s=0))[0] == 0).all())

    def test_what_cannot_be_tiled_is_expanded_and_runs(self):
        m = ModifierBuilder()
        centred = m.op("Sub", "in", m.op("ReduceMean", "in", m.const([3]), keepdims=1))
        model = flex_model(TensorProto.FLOAT, SHAPES, score_mod=m.graph(centred))
        self.agree(model, tensors(np.random.default_rng(7)), operator=False)

    def test_types(self):
        rng = np.random.default_rng(8)
        for element, dtype, limit in ((TensorProto.FLOAT16, np.float16, 2e-3), (TensorProto.DOUBLE, np.float64, 1e-12)):
            with self.subTest(dtype.__name__):
                precision = TensorProto.DOUBLE if element == TensorProto.DOUBLE else TensorProto.FLOAT
                m = ModifierBuilder(precision)
                capped = m.op("Mul", m.op("Tanh", m.op("Div", "in", m.real(2))), m.real(2))
                self.agree(flex_model(element, SHAPES, score_mod=m.graph(capped)), tensors(rng, dtype=dtype), limit)

    def test_bfloat16_runs_though_the_runtime_cannot_expand_it(self):
        import ml_dtypes
        feeds = tensors(np.random.default_rng(9))
        want = run(inlined(flex_model(TensorProto.FLOAT, SHAPES)), {n: v.astype(ml_dtypes.bfloat16).astype(np.float32) for n, v in feeds.items()}, ops=False)[0]
        model = flex_model(TensorProto.BFLOAT16, SHAPES)
        cast_in = [onnx.helper.make_node("Cast", [n], [n + "b"], to=TensorProto.BFLOAT16) for n in "QKV"]
        lowered = lower(model)
        node = lowered.graph.node[0]
        for i, n in enumerate("QKV"):
            node.input[i] = n + "b"
            lowered.graph.input[i].type.tensor_type.elem_type = TensorProto.FLOAT
        node.output[0] = "Yb"
        nodes = cast_in + [node, onnx.helper.make_node("Cast", ["Yb"], ["Y"], to=TensorProto.FLOAT)]
        kept = onnx.GraphProto()
        kept.node.extend(nodes)
        del lowered.graph.node[:]
        lowered.graph.node.extend(kept.node)
        lowered.graph.output[0].type.tensor_type.elem_type = TensorProto.FLOAT
        np.testing.assert_allclose(run(lowered, feeds)[0], want, rtol=3e-2, atol=3e-2)


if __name__ == "__main__":
    unittest.main()
