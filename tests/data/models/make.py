#!/usr/bin/env python3
"""Writes the small models beside this file: good ones, and one damaged sample for each way a model can be bad.

The protobuf wire format is written by hand, field by field, so that no library is needed and nothing "repairs" what is meant to be broken.
usage: tests/data/models/make.py    (same bytes every time; field numbers are those of onnx.proto)
"""
import pathlib
import struct

HERE = pathlib.Path(__file__).parent
FLOAT, BOOL = 1, 9


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, str):
        value = value.encode()
    return varint(number << 3 | 2) + varint(len(value)) + value


def entry(key, value):
    return field(1, key) + field(2, value)


def value_info(name, dims, element=FLOAT):
    shape = b"".join(field(1, field(1, d) if isinstance(d, int) else field(2, d) if d else b"") for d in dims)
    return field(1, name) + field(2, field(1, field(1, element) + field(2, shape)))


def node(op, inputs, outputs, name="", domain="", attributes=(), namespace=""):
    out = b"".join(field(1, i) for i in inputs) + b"".join(field(2, o) for o in outputs)
    out += field(3, name) if name else b""
    out += field(4, op) + b"".join(field(5, a) for a in attributes)
    out += field(7, domain) if domain else b""
    return out + (field(9, entry("namespace", namespace)) if namespace else b"")


def tensor(name, values):
    return field(1, len(values)) + field(2, FLOAT) + field(8, name) + field(9, struct.pack(f"<{len(values)}f", *values))


def external(name, count, location, offset=0):
    data = field(13, entry("location", location)) + field(13, entry("offset", str(offset)))
    data += field(13, entry("length", str(4 * count)))
    return field(1, count) + field(2, FLOAT) + field(8, name) + data + field(14, 1)


def external_matrix(name, rows, columns, location, offset):
    data = b"".join(field(13, entry(k, v)) for k, v in (("location", location), ("offset", str(offset)), ("length", str(4 * rows * columns))))
    return field(1, rows) + field(1, columns) + field(2, FLOAT) + field(8, name) + data + field(14, 1)


def graph(nodes, inputs, outputs, initializers=(), name="g"):
    return (b"".join(field(1, n) for n in nodes) + field(2, name) + b"".join(field(5, t) for t in initializers) +
            b"".join(field(11, v) for v in inputs) + b"".join(field(12, v) for v in outputs))


def model(body, ir=8, opsets=(("", 17),)):
    out = field(1, ir) + field(2, "make.py") + field(3, "1") + field(7, body)
    return out + b"".join(field(8, (field(1, d) if d else b"") + field(2, v)) for d, v in opsets)


def add_graph(weight):
    return graph([node("Add", ["x", "w"], ["y"], "add", namespace="block/add")], [value_info("x", ["n", 4])],
                 [value_info("y", ["n", 4])], [weight])


def write(name, data):
    (HERE / name).write_bytes(data)


weights = [0.5, -1.0, 2.0, 8.0]
good = model(add_graph(tensor("w", weights)))
write("add.onnx", good)
write("external.onnx", model(add_graph(external("w", 4, "external.bin", 4096))))
write("external.bin", b"\0" * 4096 + struct.pack("<4f", *weights))


def trits(count, state):
    for _ in range(count):
        state = (state * 1103515245 + 12345) % (1 << 31)
        yield (state >> 16) % 3 - 1


# Two MatMul weights [K, N] that are exactly ternary: a [48, 64] with a scale for each output, b [64, 40] with one.
a = [t * (0.5 + column / 64) if t else 0.0 for (t, column) in zip(trits(48 * 64, 7), list(range(64)) * 48)]
b = [t * 0.125 if t else 0.0 for t in trits(64 * 40, 11)]
write("ternary.bin", struct.pack("<3072f", *a) + struct.pack("<2560f", *b))
write("ternary.onnx", model(graph(
    [node("MatMul", ["x", "a"], ["h"], "first"), node("MatMul", ["h", "b"], ["y"], "second")], [value_info("x", ["n", 48])],
    [value_info("y", ["n", 40])], [external_matrix("a", 48, 64, "ternary.bin", 0), external_matrix("b", 64, 40, "ternary.bin", 12288)])))
for ir in (3, 7, 10, 14):
    # Up to IR 3 every initializer is a graph input as well.
    inputs = [value_info("x", ["n", 4])] + ([value_info("w", [4])] if ir == 3 else [])
    write(f"ir{ir}.onnx", model(graph([node("Add", ["x", "w"], ["y"])], inputs, [value_info("y", ["n", 4])],
                                      [tensor("w", weights)]), ir=ir, opsets=(("", 7 if ir == 3 else 17),)))
branch = [field(1, side) + field(6, graph([node(op, ["x"], [side])], [], [value_info(side, ["n", None])], name=side)) + field(20, 5)
          for side, op in (("then_branch", "Relu"), ("else_branch", "Neg"))]
write("if.onnx", model(graph([node("If", ["c"], ["y"], attributes=branch)],
                             [value_info("c", [], BOOL), value_info("x", ["n", None])], [value_info("y", ["n", None])])))
write("custom.onnx", model(graph([node("Fancy", ["x"], ["t"], domain="com.example"), node("Relu", ["t"], ["y"])],
                                 [value_info("x", ["n", 4])], [value_info("y", ["n", 4])]),
                           opsets=(("", 17), ("com.example", 1))))

# What must be refused, and how.
write("bad-text.onnx", b"this is a text file, not a model\n")
write("bad-empty.onnx", b"")
write("bad-truncated.onnx", good[:len(good) // 2])
write("bad-ir15.onnx", model(add_graph(tensor("w", weights)), ir=15))
write("bad-missing-data.onnx", model(add_graph(external("w", 4, "nowhere.bin"))))
write("bad-short-data.onnx", model(add_graph(external("w", 4, "short.bin"))))
write("short.bin", b"\0" * 10)
write("bad-escape.onnx", model(add_graph(external("w", 4, "../../../etc/passwd"))))
write("bad-absolute.onnx", model(add_graph(external("w", 4, "/etc/passwd"))))
write("bad-dangling.onnx", model(graph([node("Add", ["x", "nobody"], ["y"])], [value_info("x", ["n", 4])],
                                       [value_info("y", ["n", 4])])))
write("bad-type.onnx", model(graph([node("And", ["x", "x"], ["y"])], [value_info("x", ["n", 4])], [value_info("y", ["n", 4])])))
