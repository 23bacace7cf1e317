"""A modifier graph of FlexAttention, node by node, and a model around it. The tensors inside are (batch, heads, queries, keys)."""

import numpy as np
from onnx import GraphProto, ModelProto, TensorProto, helper, numpy_helper

PREVIEW = "ai.onnx.preview"
BATCH, HEAD, QUERY, KEY = range(4)
NUMPY = {TensorProto.FLOAT: np.float32, TensorProto.DOUBLE: np.float64, TensorProto.FLOAT16: np.float16}


class Modifier:
    """score_mod or prob_mod. Names that are neither given nor made here are captured from the graph around it."""

    def __init__(self, name: str = "score_mod", element: int = TensorProto.FLOAT):
        self.name, self.element = name, element
        self.nodes, self.initializers = [], []
        self.score = "score"

    def op(self, op_type: str, *inputs: str, **attributes) -> str:
        out = f"{self.name}_{len(self.nodes)}_{op_type}"
        self.nodes.append(helper.make_node(op_type, list(inputs), [out], **attributes))
        return out

    def constant(self, values, dtype=np.int64) -> str:
        name = f"{self.name}_constant_{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.asarray(values, dtype=dtype), name))
        return name

    def number(self, value: float) -> str:
        return self.constant(value, NUMPY[self.element])

    def index(self, axis: int) -> str:
        """The index along an axis, in a shape that broadcasts against the scores."""
        size = self.op("Gather", self.op("Shape", self.score), self.constant(axis))
        numbers = self.op("Range", self.constant(0), size, self.constant(1))
        return self.op("Reshape", numbers, self.constant([-1 if i == axis else 1 for i in range(4)]))

    def look_up(self, table: str, *places: str) -> str:
        """table[places[0], places[1], ...] of a captured tensor, each place a tensor of indices; they broadcast."""
        if len(places) == 1:
            return self.op("Gather", table, places[0])
        shape, place = self.op("Shape", table), places[0]
        for axis, further in enumerate(places[1:], 1):
            place = self.op("Add", self.op("Mul", place, self.op("Gather", shape, self.constant(axis))), further)
        return self.op("Gather", self.op("Reshape", table, self.constant([-1])), place)

    def to_real(self, value: str) -> str:
        return self.op("Cast", value, to=self.element)

    def hide_unless(self, seen: str, score: str) -> str:
        return self.op("Where", seen, score, self.number(-np.inf))

    def graph(self, result: str) -> GraphProto:
        self.nodes.append(helper.make_node("Identity", [result], ["modified"]))
        info = [helper.make_tensor_value_info(name, self.element, ["B", "H", "L", "S"]) for name in (self.score, "modified")]
        return helper.make_graph(self.nodes, self.name, info[:1], info[1:], self.initializers)


def attention_model(name: str, captured: dict, element: int = TensorProto.FLOAT, kv_batch: str = "batch", **attributes) -> ModelProto:
    """One FlexAttention node with sizes left open; `captured`: input -> (element type, shape)."""
    node = helper.make_node("FlexAttention", ["Q", "K", "V"], ["Y"], name, domain=PREVIEW, **attributes)
    inputs = [helper.make_tensor_value_info("Q", element, ["batch", "heads", "queries", "size"])]
    inputs += [helper.make_tensor_value_info(n, element, [kv_batch, "kv_heads", "keys", s]) for n, s in (("K", "size"), ("V", "v_size"))]
    inputs += [helper.make_tensor_value_info(n, *spec) for n, spec in captured.items()]
    outputs = [helper.make_tensor_value_info("Y", element, ["batch", "heads", "queries", "v_size"])]
    opsets = [helper.make_opsetid("", 25), helper.make_opsetid(PREVIEW, 1)]
    return helper.make_model(helper.make_graph([node], name, inputs, outputs), opset_imports=opsets, ir_version=10)
