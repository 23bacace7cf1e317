"""int64 computed as int32, for GPUs that are not promised 64-bit integers.

--iree-input-demote-i64-to-i32 rewrites the inside of a module. What it does at the edges is wrong: an int64 input is read as
twice as many int32, and constants lose their upper half, so that "to the end" (the largest int64) reads as -1. Hence the
module takes and gives int32, which the runner converts, and constants are clamped.
"""

from __future__ import annotations

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

SUFFIX = ".int32"


def int64(graph: onnx.GraphProto) -> None:
    constants = {tensor.name for tensor in graph.initializer}
    casts = []
    for value in graph.input:
        if _is_int64(value) and value.name not in constants:
            casts.append(helper.make_node("Cast", [value.name + SUFFIX], [value.name], to=TensorProto.INT64))
            _rename(value, graph)
    for value in graph.output:
        if _is_int64(value):
            graph.node.append(helper.make_node("Cast", [value.name], [value.name + SUFFIX], to=TensorProto.INT32))
            _rename(value, graph)
    rest = list(graph.node)
    del graph.node[:]
    graph.node.extend(casts + rest)
    _clamp_constants(graph)


def _is_int64(value: onnx.ValueInfoProto) -> bool:
    return value.type.tensor_type.elem_type == TensorProto.INT64


def _rename(value: onnx.ValueInfoProto, graph: onnx.GraphProto) -> None:
    graph.value_info.append(value)  # the importer takes types from there
    value.name += SUFFIX
    value.type.tensor_type.elem_type = TensorProto.INT32


def _clamp_constants(graph: onnx.GraphProto) -> None:
    for tensor in graph.initializer:
        _clamp(tensor)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.TENSOR:
                _clamp(attribute.t)
            elif attribute.type == onnx.AttributeProto.GRAPH:
                _clamp_constants(attribute.g)


def _clamp(tensor: onnx.TensorProto) -> None:
    if tensor.data_type != TensorProto.INT64 or tensor.data_location == TensorProto.EXTERNAL:
        return
    value = numpy_helper.to_array(tensor)
    kept = numpy.clip(value, -(2**31), 2**31 - 1)
    if not numpy.array_equal(kept, value):
        tensor.CopyFrom(numpy_helper.from_array(kept, tensor.name))
