"""Writes the small models of tests/data/model and the fuzzer's corpus (tests/fuzz/corpus/model). Needs the onnx Python package.

usage: python3 tests/data/model/make_samples.py       (from the root of the repository; same bytes every time)
"""
import os

import onnx
from onnx import helper

HERE = os.path.dirname(os.path.abspath(__file__))
CORPUS = os.path.join(HERE, "..", "..", "fuzz", "corpus", "model")

RICH = """
<ir_version: 8, opset_import: ["" : 17, "local" : 1], producer_name: "tests">
rich (float[N, 4] x, bool c, int64[2] ids) => (float[N, 4] y, float[2, 4] e)
<float[4] w = {1.0, 2.0, 3.0, 4.0}, float[3, 4] table = {0,1,2,3,4,5,6,7,8,9,10,11}>
{
  h = Mul (x, w)
  two = Constant <value = float {2.0}> ()
  g = If (c) <
    then_branch = then_graph () => (float[N, 4] t) <float[1] k = {5.0}> { t = Add (h, k) },
    else_branch = else_graph () => (float[N, 4] f) { f = Sub (h, two) }
  >
  d = local.Double (g)
  y = Sub (d, h)
  e = Gather (table, ids)
}
<domain: "local", opset_import: ["" : 17]>
Double (a) => (b) { s = Constant <value = float {2.0}> () b = Mul (a, s) }
"""


def with_raw_data(model):
    for tensor in model.graph.initializer:
        array = onnx.numpy_helper.to_array(tensor)
        tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))
    return model


def at_ir(version):
    model = onnx.parser.parse_model(RICH)
    model.ir_version = version
    if version == 3:  # initializers are inputs, and there are no functions
        for tensor in model.graph.initializer:
            model.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims)))
        model.graph.node[3].op_type, model.graph.node[3].domain = "Neg", ""
        branch = helper.get_node_attr_value(model.graph.node[2], "then_branch")
        branch.node[0].input[1] = "two"
        del branch.initializer[:]
        model.graph.node[2].attribute[0].g.CopyFrom(branch)
        del model.functions[:]
        del model.opset_import[1:]
    return with_raw_data(model)


def external():
    model = at_ir(8)
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", "w.bin"), ("offset", "64"), ("length", "16")):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    return model


def sparse():
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 17]> g (float[9] x) => (float[9] y) { y = Add (x, s) }')
    values = helper.make_tensor("s", onnx.TensorProto.FLOAT, [2], [1.0, 2.0])
    indices = helper.make_tensor("i", onnx.TensorProto.INT64, [2], [3, 7])
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [9]))
    return model


def marked():
    model = at_ir(10)
    for node in model.graph.node:
        helper.set_metadata_props(node, {"namespace": "a.b", "org.onnxpack.scope": "model"})
    helper.set_model_props(model, {"org.onnxpack.format": "scope-metadata/1", "org.onnxpack.wide": "n0=3,g0=4", "other": "x"})
    return model


def varint(value, width):
    out = bytearray()
    for i in range(width):
        out.append((value & 0x7F) | (0x80 if i + 1 < width else 0))
        value >>= 7
    return bytes(out)


def padded():
    """Lengths of graph and nodes wider than needed, an unknown group between, ir_version last."""
    model = at_ir(8)
    graph = b""
    for node in model.graph.node:
        text = node.SerializeToString()
        graph += b"\x0a" + varint(len(text), 4) + text
    del model.graph.node[:]
    graph += model.graph.SerializeToString()
    version = model.ir_version
    model.ClearField("graph")
    model.ClearField("ir_version")
    return (b"\xc3\x3e\x08\x05\xc4\x3e" + model.SerializeToString() + b"\x3a" + varint(len(graph), 5) + graph
            + b"\x08" + varint(version, 3))


def main():
    samples = {f"ir{version}": at_ir(version).SerializeToString() for version in (3, 7, 8, 10, 13, 14)}
    samples |= {"external": external().SerializeToString(), "sparse": sparse().SerializeToString(),
                "marked": marked().SerializeToString(), "padded": padded()}
    damaged = {"truncated": samples["ir8"][:-40], "no_graph": b"\x08\x08", "text": RICH.strip().encode(),
               "zip": b"PK\x03\x04" + bytes(30), "deep": deep()}
    os.makedirs(CORPUS, exist_ok=True)
    for name, content in (samples | damaged).items():
        with open(os.path.join(CORPUS, name), "wb") as file:
            file.write(content)
    for name in ("ir3", "ir7", "ir8", "ir10", "ir13", "ir14", "padded", "sparse"):
        with open(os.path.join(HERE, name + ".onnx"), "wb") as file:
            file.write(samples[name])


def deep():
    """If bodies within If bodies, deeper than any reader goes."""
    content = b""
    for _ in range(60):
        attribute = b"\x32" + length(content) + content
        node = b"\x2a" + length(attribute) + attribute
        content = b"\x0a" + length(node) + node
    return b"\x08\x08\x3a" + length(content) + content


def length(content):
    value, width = len(content), 1
    while value >> (7 * width):
        width += 1
    return varint(value, width)


if __name__ == "__main__":
    main()
