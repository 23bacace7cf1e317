# needs: python
# A causal mask, and a modifier that reads scores of other positions.
"$PYTHON" - <<'P'
import onnx
from onnx import TensorProto, helper
def modifier(*nodes, constants=()):
    info = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["B", "H", "L", "S"]) for n in ("x", "y")]
    return helper.make_graph(list(nodes), "m", info[:1], info[1:], list(constants))
tensor = helper.make_tensor
constants = [tensor("i0", TensorProto.INT64, [], [0]), tensor("i1", TensorProto.INT64, [], [1]), tensor("i2", TensorProto.INT64, [], [2]),
             tensor("i3", TensorProto.INT64, [], [3]), tensor("column", TensorProto.INT64, [4], [1, 1, -1, 1]), tensor("hidden", TensorProto.FLOAT, [], [float("-inf")])]
node = helper.make_node
causal = modifier(node("Shape", ["x"], ["s"]), node("Gather", ["s", "i2"], ["L"]), node("Gather", ["s", "i3"], ["S"]), node("Range", ["i0", "L", "i1"], ["q"]),
                  node("Range", ["i0", "S", "i1"], ["k"]), node("Reshape", ["q", "column"], ["qs"]), node("GreaterOrEqual", ["qs", "k"], ["seen"]),
                  node("Where", ["seen", "x", "hidden"], ["y"]), constants=constants)
mean = modifier(node("ReduceMean", ["x"], ["m"], keepdims=1), node("Sub", ["x", "m"], ["y"]))
halved = modifier(node("Tanh", ["x"], ["y"]))
nodes = [node("FlexAttention", ["Q", "K", "V"], ["a"], "first", domain="ai.onnx.preview", score_mod=causal, prob_mod=halved),
         node("FlexAttention", ["a", "K", "V"], ["Y"], "second", domain="ai.onnx.preview", score_mod=mean)]
values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 2, 4, 8]) for n in ("Q", "K", "V", "Y")]
graph = helper.make_graph(nodes, "g", values[:3], values[3:])
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 26), helper.make_opsetid("ai.onnx.preview", 1)], ir_version=10), "m.onnx")
P
onnx-pack kernels explain m.onnx
