"""FlexAttention in model-local functions and in bodies of If, Loop and Scan: lowered in place, against onnx's own inliner and ONNX Runtime."""

import unittest

import numpy as np
import onnx
from onnx import TensorProto, helper

from harness import DOMAIN, PROGRAM, SKIPPED, run
from lowering import PREVIEW, ModifierBuilder, inlined, lower

if not PROGRAM.exists():
    print(f"SKIPPED: needs {PROGRAM}")
    raise SystemExit(SKIPPED)

FLOAT = TensorProto.FLOAT
SHAPE = [2, 2, 9, 8]
OPSETS = [helper.make_opsetid("", 25), helper.make_opsetid(PREVIEW, 1), helper.make_opsetid("local", 1)]


def value(name, element=FLOAT, shape=SHAPE):
    return helper.make_tensor_value_info(name, element, shape)


def biased(captured: str, name: str = "score_mod"):
    """Scores plus a captured slope per head times the distance, masked causally."""
    m = ModifierBuilder(name=name)
    distance = m.op("Cast", m.op("Sub", m.axis(3), m.axis(2)), to=FLOAT)
    score = m.op("Add", "in", m.op("Mul", distance, m.op("Reshape", captured, m.const([1, -1, 1, 1]))))
    return m.graph(m.op("Where", m.op("LessOrEqual", m.axis(3), m.axis(2)), score, m.real(-np.inf)))


def centred():
    """Reads scores of other positions, so that it cannot be tiled."""
    m = ModifierBuilder(name="centred")
    return m.graph(m.op("Sub", "in", m.op("ReduceMean", "in", m.const([3]), keepdims=1)))


def flex(inputs, output, score_mod, name="attention"):
    return helper.make_node("FlexAttention", inputs, [output], name, domain=PREVIEW, score_mod=score_mod)


def model(nodes, inputs, functions=(), initializers=(), opsets=OPSETS):
    graph = helper.make_graph(list(nodes), "g", list(inputs), [value("Y")], list(initializers))
    return helper.make_model(graph, opset_imports=list(opsets), ir_version=10, functions=list(functions))


def feeds(**more):
    rng = np.random.default_rng(1)
    return {name: rng.standard_normal(SHAPE).astype(np.float32) for name in "QKV"} | {"slopes": np.float32([0.5, 0.125])} | more


def all_nodes(graph):
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from all_nodes(attribute.g)


def attention(inputs, slopes, score_mod=None, **attributes):
    """What the one node gives as the only one of a graph, by onnx's function body: the judge of bodies, into which onnx's inliner does not look."""
    node = flex(["Q", "K", "V"], "Y", score_mod or biased("slopes"))
    node.attribute.extend(helper.make_attribute(key, of) for key, of in attributes.items())
    flat = inlined(model([node], QKV))
    return run(flat, {**{name: inputs[name] for name in "QKV"}, "slopes": np.float32(slopes)}, ops=False)[0]


QKV = [value("Q"), value("K"), value("V"), value("slopes", shape=[2])]


class Nested(unittest.TestCase):
    def agree(self, given, inputs, operators: int, want=None):
        """`operators`: how many nodes become the library's. Without `want`, onnx's inliner and ONNX Runtime judge."""
        onnx.checker.check_model(given)
        lowered, expanded = lower(given), lower(given, "--expand")
        kinds = [(n.domain, n.op_type) for n in all_nodes(lowered.graph)]
        self.assertNotIn((PREVIEW, "FlexAttention"), kinds)
        self.assertEqual(kinds.count((DOMAIN, "FlexAttention")), operators)
        self.assertNotIn((DOMAIN, "FlexAttention"), [(n.domain, n.op_type) for n in all_nodes(expanded.graph)])
        for made in (lowered, expanded):
            self.assertFalse([f.name for f in made.functions if any(n.op_type == "FlexAttention" for n in f.node)])
        onnx.checker.check_model(expanded, full_check=True)
        if want is None:
            flat = onnx.inliner.inline_local_functions(given) if given.functions else given
            # onnx's inliner wants types to be written down, in bodies too.
            typed = onnx.shape_inference.infer_shapes(flat)
            want = run(inlined(typed), inputs, ops=False)[0]
        np.testing.assert_allclose(run(lowered, inputs)[0], want, rtol=2e-5, atol=2e-5)
        np.testing.assert_allclose(run(expanded, inputs, ops=False)[0], want, rtol=2e-5, atol=2e-5)

    def function(self, nodes, inputs=("q", "k", "v", "s"), outputs=("y",), name="Attend", attributes=(), opsets=OPSETS, **more):
        return helper.make_function("local", name, list(inputs), list(outputs), list(nodes), list(opsets), list(attributes), **more)

    def test_a_function_called_twice(self):
        inner = self.function([helper.make_node("Mul", ["q", "q"], ["t"]), flex(["t", "k", "v"], "y", biased("s"))])
        nodes = [helper.make_node("Attend", ["Q", "K", "V", "slopes"], ["t"], "one", domain="local"),
                 helper.make_node("Attend", ["t", "K", "V", "slopes"], ["Y"], "two", domain="local")]
        self.agree(model(nodes, QKV, [inner]), feeds(), 2)

    def test_functions_within_functions_and_one_without(self):
        inner = self.function([flex(["q", "k", "v"], "y", biased("s"))])
        outer = self.function([helper.make_node("Double", ["q"], ["d"], domain="local"), helper.make_node("Attend", ["d", "k", "v", "s"], ["y"], domain="local")],
                              name="Outer")
        double = self.function([helper.make_node("Add", ["x", "x"], ["y"])], inputs=["x"], name="Double")
        given = model([helper.make_node("Outer", ["Q", "K", "V", "slopes"], ["Y"], domain="local")], QKV, [inner, outer, double])
        self.agree(given, feeds(), 1)
        self.assertEqual([f.name for f in lower(given).functions], ["Double"])

    def test_referred_attributes_and_their_defaults(self):
        node = flex(["q", "k", "v"], "y", biased("s"))
        node.attribute.append(onnx.AttributeProto(name="scale", type=onnx.AttributeProto.FLOAT, ref_attr_name="factor"))
        inner = self.function([node], attribute_protos=[helper.make_attribute("factor", 0.25)])
        nodes = [helper.make_node("Attend", ["Q", "K", "V", "slopes"], ["t"], domain="local"),
                 helper.make_node("Attend", ["t", "K", "V", "slopes"], ["Y"], domain="local", factor=0.7)]
        # onnx's inliner leaves the default away, so it is no judge here.
        inputs = feeds()
        once = attention(inputs, inputs["slopes"], scale=0.25)
        self.agree(model(nodes, QKV, [inner]), inputs, 2, attention(inputs | {"Q": once}, inputs["slopes"], scale=0.7))

    def test_what_a_function_captures_inside_is_its_own(self):
        # The caller has values of the same names as the function's own.
        inner = self.function([helper.make_node("Mul", ["s", "s"], ["t"]), flex(["q", "k", "v"], "y", biased("t"))])
        nodes = [helper.make_node("Neg", ["Q"], ["t"]), helper.make_node("Attend", ["t", "K", "V", "slopes"], ["s"], domain="local"),
                 helper.make_node("Identity", ["s"], ["Y"])]
        self.agree(model(nodes, QKV, [inner]), feeds(), 1)

    def test_an_input_handed_through_and_an_output_not_taken(self):
        inner = self.function([flex(["q", "k", "v"], "unused", biased("s")), flex(["q", "k", "v"], "y", centred())], outputs=["unused", "q", "y"])
        nodes = [helper.make_node("Attend", ["Q", "K", "V", "slopes"], ["", "same", "t"], domain="local"), helper.make_node("Add", ["same", "t"], ["Y"])]
        inputs = feeds()
        self.agree(model(nodes, QKV, [inner]), inputs, 1, inputs["Q"] + attention(inputs, inputs["slopes"], score_mod=centred()))

    def test_branches_of_an_if(self):
        def branch(name, nodes):
            return helper.make_graph(nodes, name, [], [value(f"{name}_out")])
        # The inner values have no type but the inferred one, and both branches capture from the outside.
        then = branch("then", [helper.make_node("Mul", ["Q", "Q"], ["squares"]), flex(["squares", "K", "V"], "then_out", biased("slopes"))])
        other = branch("else", [helper.make_node("Neg", ["slopes"], ["negated"]), flex(["Q", "K", "V"], "else_out", biased("negated"))])
        nodes = [helper.make_node("If", ["c"], ["Y"], then_branch=then, else_branch=other)]
        given = model(nodes, [*QKV, value("c", TensorProto.BOOL, [])])
        inputs = feeds(c=np.array(True))
        self.agree(given, inputs, 2, attention(inputs | {"Q": inputs["Q"] ** 2}, inputs["slopes"]))
        inputs = feeds(c=np.array(False))
        self.agree(given, inputs, 2, attention(inputs, -inputs["slopes"]))

    def test_a_body_of_a_loop_that_captures_what_it_computes(self):
        body = helper.make_graph(
            [helper.make_node("Identity", ["going"], ["goes_on"]), helper.make_node("Cast", ["i"], ["number"], to=FLOAT),
             helper.make_node("Mul", ["slopes", "number"], ["steeper"]), flex(["carried", "K", "V"], "next", biased("steeper"))],
            "body", [value("i", TensorProto.INT64, []), value("going", TensorProto.BOOL, []), value("carried")],
            [value("goes_on", TensorProto.BOOL, []), value("next")])
        nodes = [helper.make_node("Loop", ["trips", "", "Q"], ["Y"], body=body)]
        inputs = feeds()
        want = inputs["Q"]
        for i in range(3):
            want = attention(inputs | {"Q": want}, inputs["slopes"] * i)
        self.agree(model(nodes, QKV, initializers=[helper.make_tensor("trips", TensorProto.INT64, [], [3])]), inputs, 1, want)

    def test_a_body_of_a_scan(self):
        # Over heads' slopes: each step attends with another vector.
        body = helper.make_graph([flex(["carried", "K", "V"], "next", biased("row")), helper.make_node("Identity", ["row"], ["echo"])], "body",
                                 [value("carried"), value("row", shape=[2])], [value("next"), value("echo", shape=[2])])
        nodes = [helper.make_node("Unsqueeze", ["slopes", "zero"], ["one"]), helper.make_node("Concat", ["one", "one"], ["rows"], axis=0),
                 helper.make_node("Scan", ["Q", "rows"], ["Y", "echoes"], body=body, num_scan_inputs=1)]
        inputs = feeds()
        once = attention(inputs, inputs["slopes"])
        want = attention(inputs | {"Q": once}, inputs["slopes"])
        self.agree(model(nodes, QKV, initializers=[helper.make_tensor("zero", TensorProto.INT64, [1], [0])]), inputs, 1, want)

    def test_a_call_within_a_branch_within_a_function(self):
        attend = self.function([flex(["q", "k", "v"], "y", biased("s"))])
        def branch(name, node):
            return helper.make_graph([node], name, [], [value(f"{name}_out")])
        then = branch("then", helper.make_node("Attend", ["q", "k", "v", "s"], ["then_out"], domain="local"))
        other = branch("else", helper.make_node("Neg", ["q"], ["else_out"]))
        chooser = self.function([helper.make_node("If", ["c"], ["y"], then_branch=then, else_branch=other)], inputs=["q", "k", "v", "s", "c"], name="Choose")
        nodes = [helper.make_node("Choose", ["Q", "K", "V", "slopes", "c"], ["t"], domain="local"),
                 helper.make_node("Choose", ["t", "K", "V", "slopes", "c"], ["Y"], domain="local")]
        given = model(nodes, [*QKV, value("c", TensorProto.BOOL, [])], [attend, chooser])
        inputs = feeds(c=np.array(True))
        once = attention(inputs, inputs["slopes"])
        self.agree(given, inputs, 2, attention(inputs | {"Q": once}, inputs["slopes"]))
        inputs = feeds(c=np.array(False))
        self.agree(given, inputs, 2, inputs["Q"])

    def test_a_function_of_another_opset(self):
        older = [helper.make_opsetid("", 24), *OPSETS[1:]]
        inner = self.function([flex(["q", "k", "v"], "y", biased("s"))], opsets=older)
        call = [helper.make_node("Attend", ["Q", "K", "V", "slopes"], ["Y"], domain="local")]
        with self.assertRaisesRegex(RuntimeError, "function Attend is of opset 24 of ai.onnx, the model of 25, and Shape changed"):
            lower(model(call, QKV, [inner]))

    def test_a_function_that_calls_itself(self):
        inner = self.function([helper.make_node("Attend", ["q", "k", "v", "s"], ["t"], domain="local"), flex(["t", "k", "v"], "y", biased("s"))])
        call = [helper.make_node("Attend", ["Q", "K", "V", "slopes"], ["Y"], domain="local")]
        with self.assertRaisesRegex(RuntimeError, "calls itself|nested deeper|recursive|cycl"):
            lower(model(call, QKV, [inner]))


if __name__ == "__main__":
    unittest.main()
