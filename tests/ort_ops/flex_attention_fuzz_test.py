"""Random modifier graphs and shapes: org.onnxpack::FlexAttention against the operator's function body, inlined by onnx and run by ONNX Runtime.

Each model holds many nodes over the same Q, K and V, so that 2,000 graphs take a minute and not an hour. FLEX_FUZZ_MODELS and FLEX_FUZZ_SEED
change how many and which; what fails prints its seed.
"""

import os
import unittest

import numpy as np
from onnx import TensorProto, helper

from harness import DOMAIN, PROGRAM, SKIPPED, run
from lowering import PREVIEW, ModifierBuilder, inlined, lower

if not PROGRAM.exists():
    print(f"SKIPPED: needs {PROGRAM}")
    raise SystemExit(SKIPPED)

MODELS = int(os.environ.get("FLEX_FUZZ_MODELS", "84"))
SEED = int(os.environ.get("FLEX_FUZZ_SEED", "1"))
NODES = 24


class RandomModifier:
    """A random expression of the element, indices, constants and captured values; types kept, magnitudes tame."""

    def __init__(self, rng, name: str):
        self.rng, self.m = rng, ModifierBuilder(name=name)

    def pick(self, *choices):
        return choices[self.rng.integers(len(choices))]()

    def whole(self, depth: int) -> str:
        m, rng = self.m, self.rng
        leaves = [lambda: m.axis(int(rng.integers(4))), lambda: m.const(int(rng.integers(-3, 9))),
                  lambda: m.op("Gather", "documents", m.axis(3)), lambda: m.op("Gather", "of_queries", m.axis(2)),
                  lambda: m.op("Unsqueeze", "prefix", m.const([1, 2, 3])),
                  lambda: m.op("Reshape", m.op("Gather", "table", m.axis(1)), m.op("Concat", m.const([1]), m.op("Shape", "table", start=0, end=1), m.const([1, 1]), axis=0))]
        if depth <= 0 or rng.random() < 0.3:
            return self.pick(*leaves)
        a, b = self.whole(depth - 1), self.whole(depth - 1)
        return self.pick(lambda: m.op("Add", a, b), lambda: m.op("Sub", a, b), lambda: m.op("Mul", a, m.const(int(rng.integers(-2, 3)))),
                         lambda: m.op("Div", a, m.const(int(rng.integers(1, 5)))), lambda: m.op("Mod", a, m.const(int(rng.integers(1, 6)))),
                         lambda: m.op("Min", a, b), lambda: m.op("Max", a, b), lambda: m.op("Abs", a), lambda: m.op("Neg", a))

    def truth(self, depth: int) -> str:
        m, rng = self.m, self.rng
        compare = str(rng.choice(["Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Equal"]))
        if depth <= 0 or rng.random() < 0.4:
            return m.op(compare, self.whole(1), self.whole(1))
        a = self.truth(depth - 1)
        return self.pick(lambda: m.op("And", a, self.truth(depth - 1)), lambda: m.op("Or", a, self.truth(depth - 1)), lambda: m.op("Not", a),
                         lambda: m.op("Xor", a, self.truth(depth - 1)))

    def real(self, depth: int, element: bool = True) -> str:
        m, rng = self.m, self.rng
        if depth <= 0 or rng.random() < 0.2:
            return self.pick(lambda: "in" if element else m.real(0.5), lambda: m.real(float(rng.normal())),
                             lambda: m.op("Reshape", "slopes", m.const([1, -1, 1, 1])), lambda: m.op("Cast", self.whole(0), to=TensorProto.FLOAT))
        a = self.real(depth - 1, element)
        return self.pick(lambda: m.op("Add", a, self.real(depth - 1)), lambda: m.op("Sub", a, self.real(depth - 1)), lambda: m.op("Mul", a, m.real(float(rng.normal()))),
                         lambda: m.op("Tanh", a), lambda: m.op("Mul", m.op("Tanh", m.op("Div", a, m.real(3.0))), m.real(3.0)), lambda: m.op("Sigmoid", a),
                         lambda: m.op("Erf", a), lambda: m.op("Exp", m.op("Min", a, m.real(2.0))), lambda: m.op("Abs", a), lambda: m.op("Neg", a),
                         lambda: m.op("Where", self.truth(1), a, self.real(depth - 1)), lambda: m.op("Clip", a, m.real(-2.0), m.real(2.5)),
                         lambda: m.op("Max", a, self.real(depth - 1)), lambda: m.op("Relu", a), lambda: m.op("Softplus", a))

    def score(self):
        m, rng = self.m, self.rng
        body = m.op("Add", "in", m.op("Mul", self.real(2), m.real(0.5))) if rng.random() < 0.6 else "in"
        kind = rng.random()
        if kind < 0.4:
            body = m.op("Where", self.truth(2), body, m.real(-np.inf))
        elif kind < 0.6:
            body = m.op("Add", body, m.op("Where", self.truth(2), m.real(0.0), m.real(-np.inf)))
        # The output has the shape of the scores, whatever it was made of.
        return m.graph(m.op("Expand", body, m.op("Shape", "in")))

    def probability(self):
        m, rng = self.m, self.rng
        body = self.pick(lambda: m.op("Mul", "in", self.real(1, element=False)), lambda: m.op("Where", self.truth(1), "in", m.real(0.0)),
                         lambda: m.op("Tanh", m.op("Mul", "in", m.real(2.0))), lambda: m.op("Add", "in", m.real(float(rng.normal()) * 0.01)),
                         lambda: m.op("Max", "in", m.real(0.02)))
        return m.graph(m.op("Expand", body, m.op("Shape", "in")))


def model(rng, sizes):
    b, hq, hkv, length, s, e, ev = sizes
    captured = {"documents": (TensorProto.INT64, [s]), "of_queries": (TensorProto.INT64, [length]), "prefix": (TensorProto.INT64, [b]),
                "table": (TensorProto.INT64, [hq]), "slopes": (TensorProto.FLOAT, [hq])}
    shapes = {"Q": [b, hq, length, e], "K": [b, hkv, s, e], "V": [b, hkv, s, ev]}
    nodes, outputs = [], []
    for i in range(NODES):
        attributes = {}
        if rng.random() < 0.9:
            attributes["score_mod"] = RandomModifier(rng, "score_mod").score()
        if rng.random() < 0.3:
            attributes["prob_mod"] = RandomModifier(rng, "prob_mod").probability()
        if rng.random() < 0.3:
            attributes["scale"] = float(rng.uniform(0.05, 1.5))
        nodes.append(helper.make_node("FlexAttention", ["Q", "K", "V"], [f"Y{i}"], domain=PREVIEW, **attributes))
        outputs.append(helper.make_tensor_value_info(f"Y{i}", TensorProto.FLOAT, [b, hq, length, ev]))
    inputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, d) for n, d in shapes.items()]
    inputs += [helper.make_tensor_value_info(n, *spec) for n, spec in captured.items()]
    graph = helper.make_graph(nodes, "fuzz", inputs, outputs)
    feeds = {n: rng.standard_normal(d).astype(np.float32) for n, d in shapes.items()}
    feeds |= {"documents": np.sort(rng.integers(0, 4, s)), "of_queries": np.sort(rng.integers(0, 4, length)), "prefix": rng.integers(0, s + 1, b),
              "table": rng.integers(0, 6, hq), "slopes": rng.standard_normal(hq).astype(np.float32)}
    opsets = [helper.make_opsetid("", 26), helper.make_opsetid(PREVIEW, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10), feeds


def random_sizes(rng):
    group, hkv = int(rng.integers(1, 4)), int(rng.integers(1, 3))
    length, s = (int(rng.choice([1, 2, 3, 7, 17, 40, 100])) for _ in range(2))
    if rng.random() < 0.3:
        s = int(rng.choice([129, 200, 300]))
    return int(rng.integers(1, 3)), group * hkv, hkv, length, s, int(rng.choice([1, 4, 8, 17])), int(rng.choice([1, 4, 9, 16]))


class Fuzz(unittest.TestCase):
    def test_random_modifiers(self):
        graphs = expanded = 0
        for number in range(MODELS):
            rng = np.random.default_rng([SEED, number])
            sizes = random_sizes(rng)
            given, feeds = model(rng, sizes)
            lowered = lower(given)
            expanded += NODES - sum((n.domain, n.op_type) == (DOMAIN, "FlexAttention") for n in lowered.graph.node)
            got, want = run(lowered, feeds, threads=2), run(inlined(given), feeds, ops=False)
            for i, (a, b) in enumerate(zip(got, want)):
                graphs += 1
                with self.subTest(seed=SEED, model=number, node=i, sizes=sizes):
                    # Sums of up to 300 terms and functions of 6 ulp; probabilities that a modifier scales up keep their relative error.
                    limit = 1e-4 * max(1.0, float(np.nanmax(np.abs(b), initial=0.0)))
                    np.testing.assert_allclose(a, b, rtol=2e-4, atol=limit, equal_nan=True)
        print(f"{graphs} graphs, {expanded} of them not tileable")
        self.assertEqual(expanded, 0)


if __name__ == "__main__":
    unittest.main()
