# needs: python
# One node that becomes the operator, one that reads scores of other positions and is expanded.
"$PYTHON" - <<'P'
import onnx
from onnx import TensorProto, helper, parser
def modifier(*nodes):
    info = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["B", "H", "L", "S"]) for n in ("x", "y")]
    return helper.make_graph(list(nodes), "m", info[:1], info[1:])
cap = modifier(helper.make_node("Tanh", ["x"], ["y"]))
mean = modifier(helper.make_node("ReduceMean", ["x"], ["m"], keepdims=1), helper.make_node("Sub", ["x", "m"], ["y"]))
nodes = [helper.make_node("FlexAttention", ["Q", "K", "V"], ["a"], "first", domain="ai.onnx.preview", score_mod=cap),
         helper.make_node("FlexAttention", ["a", "K", "V"], ["Y"], "second", domain="ai.onnx.preview", score_mod=mean)]
values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 2, 4, 8]) for n in ("Q", "K", "V", "Y")]
graph = helper.make_graph(nodes, "g", values[:3], values[3:])
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 26), helper.make_opsetid("ai.onnx.preview", 1)], ir_version=10), "m.onnx")
P
onnx-pack lower m.onnx -o lowered.onnx
onnx-pack lower m.onnx --expand --json -o expanded.onnx
"$PYTHON" -c 'import onnx; onnx.checker.check_model(onnx.load("expanded.onnx"), full_check=True); print("checked")'
onnx-pack lower m.onnx -o lowered.onnx
