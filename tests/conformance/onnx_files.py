"""Small ONNX models, written byte by byte: the suite needs no onnx package, and knows exactly what is in them."""

import struct

FLOAT = 1


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field, value):
    return varint(field << 3) + varint(value)


def message(field, *parts):
    body = b"".join(part.encode() if isinstance(part, str) else part for part in parts)
    return varint(field << 3 | 2) + varint(len(body)) + body


def node(op_type, inputs, outputs):
    return message(1, *[message(1, name) for name in inputs], *[message(2, name) for name in outputs],
                   message(3, f"{op_type}_0"), message(4, op_type))


def value_info(field, name, shape):
    dims = [message(1, number(1, dim) if isinstance(dim, int) else message(2, dim)) for dim in shape]
    return message(field, message(1, name), message(2, message(1, number(1, FLOAT), message(2, *dims))))


def floats(values):
    return struct.pack(f"<{len(values)}f", *values)


def initializer(name, shape, values, external=None):
    dims = b"".join(number(1, dim) for dim in shape)
    if external is None:
        return message(5, dims, number(2, FLOAT), message(8, name), message(9, floats(values)))
    entries = [("location", external), ("offset", "0"), ("length", str(4 * len(values)))]
    data = b"".join(message(13, message(1, key), message(2, value)) for key, value in entries)
    return message(5, dims, number(2, FLOAT), message(8, name), data, number(14, 1))


def model(nodes, inputs, outputs, initializers):
    graph = message(7, *nodes, message(2, "conformance"), *initializers,
                    *[value_info(11, *item) for item in inputs], *[value_info(12, *item) for item in outputs])
    return number(1, 8) + message(2, "onnx-pack conformance") + graph + message(8, message(1, ""), number(2, 17))


WEIGHTS = [0.5, -1.0, 2.0, -0.25, 0.0, 1.5]
X = [1.0, 1.0, -3.0, 0.25, -1.0, 2.0]
# y = Relu(x + w), exact in float32 whatever the order of operations.
Y = [max(0.0, x + w) for x, w in zip(X, WEIGHTS)]


def add_relu(external=None):
    return model([node("Add", ["x", "w"], ["s"]), node("Relu", ["s"], ["y"])], [("x", [2, 3])], [("y", [2, 3])],
                 [initializer("w", [2, 3], WEIGHTS, external)])
