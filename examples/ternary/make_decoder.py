#!/usr/bin/env python3
"""Makes a small transformer decoder with random ternary weights, in the layer shapes of bitnet-b1.58-2B-4T unless told otherwise.

usage: make_decoder.py OUTPUT.onnx [--layers 2] [--hidden 2560] [--heads 20] [--kv-heads 5] [--ffn 6912] [--vocab 2048] [--scales tensor|row]

One step of decoding: token ids [1, 1], position [1] and the caches of keys and values in, logits and the caches out. Each linear layer is a MatMul
by a float matrix whose values are exactly -s, 0 or s, as a training tool exports it: what `onnx-pack ternarize` looks for. The parts between are a
plain decoder's (RMS norms, rotary positions, grouped heads, squared ReLU); weights are random, so it says nothing sensible.
"""

import argparse
import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 25


class Builder:
    def __init__(self, data: pathlib.Path):
        self.nodes, self.initializers, self.count = [], [], 0
        self.data, self.file = data, open(data, "wb")
        self.rng = np.random.default_rng(7)

    def op(self, kind: str, *inputs: str, outputs: int = 1, name: str = "", **attributes):
        self.count += 1
        names = [f"{kind.lower()}_{self.count}" + (f"_{i}" if outputs > 1 else "") for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, name=name, **attributes))
        return names[0] if outputs == 1 else names

    def constant(self, value, kind=np.float32) -> str:
        self.count += 1
        name = f"c_{self.count}"
        self.initializers.append(numpy_helper.from_array(np.asarray(value, kind), name))
        return name

    def external(self, name: str, array: np.ndarray) -> str:
        self.file.write(b"\0" * (-self.file.tell() % 4096))
        tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=array.shape, data_location=TensorProto.EXTERNAL)
        for key, value in (("location", self.data.name), ("offset", self.file.tell()), ("length", array.nbytes)):
            tensor.external_data.add(key=key, value=str(value))
        self.file.write(array.tobytes())
        self.initializers.append(tensor)
        return name

    def ternary(self, name: str, k: int, n: int, scales: str) -> str:
        """[K, N], as MatMul wants it."""
        trits = self.rng.integers(-1, 2, (k, n), dtype=np.int8).astype(np.float32)
        scale = np.float32(1.6 / np.sqrt(k)) * (1 + np.arange(n, dtype=np.float32) % 7 / 16 if scales == "row" else np.float32(1))
        # + 0: a product of 0 and a negative number is -0.0, which is no ternary weight.
        return self.external(name, np.ascontiguousarray(trits * scale + np.float32(0), np.float32))

    def norm(self, x: str, size: int) -> str:
        mean = self.op("ReduceMean", self.op("Mul", x, x), self.constant([-1], np.int64))
        return self.op("Div", x, self.op("Sqrt", self.op("Add", mean, self.constant(1e-5))))


def rotate(b: Builder, x: str, cos: str, sin: str, head: int) -> str:
    halves = b.op("Split", x, outputs=2, axis=-1, num_outputs=2)
    turned = b.op("Concat", b.op("Neg", halves[1]), halves[0], axis=-1)
    return b.op("Add", b.op("Mul", x, cos), b.op("Mul", turned, sin))


def attention(b: Builder, x: str, layer: int, a, cos: str, sin: str) -> tuple[str, str, str]:
    head = a.hidden // a.heads

    def heads_of(kind: str, count: int) -> str:
        w = b.ternary(f"layers.{layer}.{kind}", a.hidden, count * head, a.scales)
        y = b.op("MatMul", x, w, name=f"layers.{layer}.{kind}")
        return b.op("Transpose", b.op("Reshape", y, b.constant([1, -1, count, head], np.int64)), perm=[0, 2, 1, 3])

    q, k, v = heads_of("q", a.heads), heads_of("k", a.kv_heads), heads_of("v", a.kv_heads)
    q, k = rotate(b, q, cos, sin, head), rotate(b, k, cos, sin, head)
    keys = b.op("Concat", f"past_k_{layer}", k, axis=2)
    values = b.op("Concat", f"past_v_{layer}", v, axis=2)
    group = a.heads // a.kv_heads
    q = b.op("Reshape", q, b.constant([1, a.kv_heads, group, head], np.int64))
    scores = b.op("Mul", b.op("MatMul", q, b.op("Transpose", keys, perm=[0, 1, 3, 2])), b.constant(head**-0.5))
    y = b.op("Reshape", b.op("MatMul", b.op("Softmax", scores, axis=-1), values), b.constant([1, 1, a.hidden], np.int64))
    w = b.ternary(f"layers.{layer}.o", a.hidden, a.hidden, a.scales)
    return b.op("MatMul", b.norm(y, a.hidden), w, name=f"layers.{layer}.o"), keys, values


def feed_forward(b: Builder, x: str, layer: int, a) -> str:
    gate = b.op("Relu", b.op("MatMul", x, b.ternary(f"layers.{layer}.gate", a.hidden, a.ffn, a.scales), name=f"layers.{layer}.gate"))
    up = b.op("MatMul", x, b.ternary(f"layers.{layer}.up", a.hidden, a.ffn, a.scales), name=f"layers.{layer}.up")
    y = b.norm(b.op("Mul", b.op("Mul", gate, gate), up), a.ffn)
    return b.op("MatMul", y, b.ternary(f"layers.{layer}.down", a.ffn, a.hidden, a.scales), name=f"layers.{layer}.down")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("output", type=pathlib.Path)
    for name, default in (("layers", 2), ("hidden", 2560), ("heads", 20), ("kv-heads", 5), ("ffn", 6912), ("vocab", 2048)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--scales", choices=("tensor", "row"), default="tensor")
    a = parser.parse_args()
    b = Builder(a.output.with_suffix(".data"))
    head = a.hidden // a.heads
    embedding = b.external("embedding", b.rng.standard_normal((a.vocab, a.hidden)).astype(np.float32))
    x = b.op("Gather", embedding, "ids")
    angle = b.op("Mul", b.op("Cast", "position", to=TensorProto.FLOAT), b.constant(1e4 ** (-np.arange(head // 2) * 2 / head)))
    angles = b.op("Concat", angle, angle, axis=-1)
    cos, sin = b.op("Cos", angles), b.op("Sin", angles)
    cache = [1, a.kv_heads, "past", head]
    inputs = [helper.make_tensor_value_info("ids", TensorProto.INT64, [1, 1]), helper.make_tensor_value_info("position", TensorProto.INT64, [1])]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 1, a.vocab])]
    for layer in range(a.layers):
        y, keys, values = attention(b, b.norm(x, a.hidden), layer, a, cos, sin)
        x = b.op("Add", x, y)
        x = b.op("Add", x, feed_forward(b, b.norm(x, a.hidden), layer, a))
        for kind, value in (("k", keys), ("v", values)):
            inputs.append(helper.make_tensor_value_info(f"past_{kind}_{layer}", TensorProto.FLOAT, cache))
            b.nodes.append(helper.make_node("Identity", [value], [f"{kind}_{layer}"]))
            outputs.append(helper.make_tensor_value_info(f"{kind}_{layer}", TensorProto.FLOAT, [1, a.kv_heads, "now", head]))
    head_weights = b.external("head", (b.rng.standard_normal((a.hidden, a.vocab)) / np.sqrt(a.hidden)).astype(np.float32))
    b.nodes.append(helper.make_node("MatMul", [b.norm(x, a.hidden), head_weights], ["logits"], name="head"))
    graph = helper.make_graph(b.nodes, "decoder", inputs, outputs, b.initializers)
    model = helper.make_model(graph, ir_version=13, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="make_decoder")
    b.file.close()
    a.output.write_bytes(model.SerializeToString())
    print(f"{a.output}: {a.layers} layers, {sum(n.op_type == 'MatMul' for n in b.nodes)} MatMul, data {b.data.stat().st_size / 1e6:.0f} MB")


main()
