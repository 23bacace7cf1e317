"""Small models with FlexAttention for command tests. usage: flex_models.py KIND [FILE]

KIND: capped (one node that can be tiled, behind a MatMul), wrong (the same with another modifier), mixed (a second node that cannot be
tiled), none (the MatMul alone).
"""

import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def modifier(*nodes):
    info = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["B", "H", "L", "S"]) for name in ("x", "y")]
    return helper.make_graph(list(nodes), "modifier", info[:1], info[1:])


def attention(inputs, output, name, score_mod):
    return helper.make_node("FlexAttention", inputs, [output], name, domain="ai.onnx.preview", score_mod=score_mod)


def make(kind: str) -> onnx.ModelProto:
    capped = modifier(helper.make_node("Sigmoid" if kind == "wrong" else "Tanh", ["x"], ["y"]))
    centred = modifier(helper.make_node("ReduceMean", ["x"], ["m"], keepdims=1), helper.make_node("Sub", ["x", "m"], ["y"]))
    weights = numpy_helper.from_array(np.random.default_rng(1).standard_normal((16, 16)).astype(np.float32), "w")
    nodes = [helper.make_node("MatMul", ["Q", "w"], ["projected" if kind != "none" else "Y"])]
    if kind != "none":
        nodes.append(attention(["projected", "K", "V"], "first_out" if kind == "mixed" else "Y", "first", capped))
    if kind == "mixed":
        nodes.append(attention(["first_out", "K", "V"], "Y", "second", centred))
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 2, 24, 16]) for name in ("Q", "K", "V", "Y")]
    graph = helper.make_graph(nodes, "g", values[:3], values[3:], [weights])
    opsets = [helper.make_opsetid("", 25), helper.make_opsetid("ai.onnx.preview", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


if __name__ == "__main__":
    onnx.save(make(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "m.onnx")
