"""Small models, made here: their results are known from numpy."""

from __future__ import annotations

from typing import Any

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

CHANNELS = 5


def weights() -> dict[str, numpy.ndarray]:
    random = numpy.random.default_rng(7)
    return {
        "w": random.standard_normal((CHANNELS, 3), dtype=numpy.float32),
        "scale": random.random(CHANNELS, dtype=numpy.float32) + 0.5,
        "bias": random.standard_normal(CHANNELS, dtype=numpy.float32),
        "mean": random.standard_normal(CHANNELS, dtype=numpy.float32),
        "var": random.random(CHANNELS, dtype=numpy.float32) + 0.5,
    }


def normalised(batch: Any = "batch", opset: int = 12, name: str = "a graph. with blanks") -> onnx.ModelProto:
    """y = relu(batch_norm(x . w)): with an operator whose form of opset 12 IREE's importer does not know."""
    values = weights()
    nodes = [
        helper.make_node("Transpose", ["w"], ["wt"], perm=[1, 0]),
        helper.make_node("MatMul", ["x", "wt"], ["h"]),
        helper.make_node("BatchNormalization", ["h", "scale", "bias", "mean", "var"], ["n"], epsilon=1e-5),
        helper.make_node("Relu", ["n"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, CHANNELS])],
        [numpy_helper.from_array(value, key) for key, value in values.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def normalised_result(x: numpy.ndarray) -> numpy.ndarray:
    v = weights()
    h = x @ v["w"].T
    return numpy.maximum((h - v["mean"]) / numpy.sqrt(v["var"] + 1e-5) * v["scale"] + v["bias"], 0)


def with_operator(kind: str, domain: str = "") -> onnx.ModelProto:
    """One node of that kind between a vector of four and another."""
    graph = helper.make_graph(
        [helper.make_node(kind, ["x"], ["y"], domain=domain)],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [4])],
    )
    opsets = [helper.make_opsetid("", 17)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def depthwise() -> onnx.ModelProto:
    """A depthwise convolution: IREE spreads it over threads that read each other's partial results."""
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["y"], group=16, pads=[1, 1, 1, 1])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 16, 24, 96])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 16, 24, 96])],
        [numpy_helper.from_array(depthwise_weights(), "w")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def depthwise_weights() -> numpy.ndarray:
    return numpy.random.default_rng(5).standard_normal((16, 1, 3, 3), dtype=numpy.float32)


def depthwise_result(x: numpy.ndarray) -> numpy.ndarray:
    w, padded = depthwise_weights(), numpy.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    return sum(
        padded[:, :, i : i + x.shape[2], j : j + x.shape[3]] * w[None, :, 0, i, j, None, None] for i in range(3) for j in range(3)
    )


def convolutions() -> onnx.ModelProto:
    """A pointwise convolution whose result a depthwise one pads: at this width IREE's SPIR-V code writes pairs of elements
    into the padded tensor, one element off (barriers.py)."""
    pointwise, depthwise = convolution_weights()
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["x", "p"], ["h"]),
            helper.make_node("Conv", ["h", "d"], ["y"], group=32, pads=[1, 1, 1, 1]),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 8, 6, 96])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 32, 6, 96])],
        [numpy_helper.from_array(pointwise, "p"), numpy_helper.from_array(depthwise, "d")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def convolution_weights() -> tuple[numpy.ndarray, numpy.ndarray]:
    random = numpy.random.default_rng(5)
    return (
        random.standard_normal((32, 8, 1, 1), dtype=numpy.float32),
        random.standard_normal((32, 1, 3, 3), dtype=numpy.float32),
    )


def convolutions_result(x: numpy.ndarray) -> numpy.ndarray:
    pointwise, depthwise = convolution_weights()
    h = numpy.einsum("oi,nihw->nohw", pointwise[:, :, 0, 0], x)
    padded = numpy.pad(h, ((0, 0), (0, 0), (1, 1), (1, 1)))
    return sum(padded[:, :, i : i + 6, j : j + 96] * depthwise[None, :, 0, i, j, None, None] for i in range(3) for j in range(3))


def joined() -> onnx.ModelProto:
    """Two products joined behind an odd number of elements."""
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "a"], ["s"]),
            helper.make_node("MatMul", ["x", "b"], ["t"]),
            helper.make_node("Relu", ["s"], ["u"]),
            helper.make_node("Relu", ["t"], ["v"]),
            helper.make_node("Concat", ["u", "v"], ["y"], axis=1),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [16, 32])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [16, 100])],
        [numpy_helper.from_array(weights, name) for name, weights in zip("ab", joined_weights())],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def joined_weights() -> tuple[numpy.ndarray, numpy.ndarray]:
    random = numpy.random.default_rng(7)
    return random.standard_normal((32, 5), dtype=numpy.float32), random.standard_normal((32, 95), dtype=numpy.float32)


def joined_result(x: numpy.ndarray) -> numpy.ndarray:
    return numpy.maximum(0, numpy.concatenate([x @ weights for weights in joined_weights()], axis=1))


def embedding() -> onnx.ModelProto:
    """Rows of a table by int64 numbers, the row numbers from the second "to the end", and those numbers again."""
    int64 = TensorProto.INT64
    graph = helper.make_graph(
        [
            helper.make_node("Slice", ["ids", "one", "end"], ["rest"]),
            helper.make_node("Gather", ["table", "rest"], ["y"]),
            helper.make_node("Add", ["rest", "one"], ["n"]),
        ],
        "g",
        [helper.make_tensor_value_info("ids", int64, [9])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [8, 6]), helper.make_tensor_value_info("n", int64, [8])],
        [
            numpy_helper.from_array(embedding_table(), "table"),
            numpy_helper.from_array(numpy.array([1], numpy.int64), "one"),
            numpy_helper.from_array(numpy.array([2**63 - 1], numpy.int64), "end"),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def embedding_table() -> numpy.ndarray:
    return numpy.random.default_rng(9).standard_normal((50, 6), dtype=numpy.float32)
