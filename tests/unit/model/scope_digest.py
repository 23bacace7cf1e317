"""scope-digest/1 of a model, written from docs/scope-metadata.md alone: whether the document and lib/model agree. Needs onnx and xxhash.

usage: scope_digest.py MODEL...
"""
import struct
import sys

import numpy as np
import onnx
import xxhash
from onnx import numpy_helper


def number(value):
    return struct.pack("<Q", value & (2**64 - 1))


def text(value):
    value = value.encode() if isinstance(value, str) else value
    return number(len(value)) + value


def H(kind, *items):
    return xxhash.xxh3_128_digest(text(kind) + b"".join(items))


def listed(hashes):
    return number(len(hashes)) + b"".join(hashes)


def multiset(hashes):
    return listed(sorted(hashes))


def bits(value):
    return struct.unpack("<I", struct.pack("<f", value))[0]


def domain(name):
    return "" if name == "ai.onnx" else name


def imports(opset_imports, used=None):
    found = {domain(i.domain): i.version for i in opset_imports if used is None or domain(i.domain) in used}
    return number(len(found)) + b"".join(text(d) + number(v) for d, v in sorted(found.items()))


class Digest:
    def __init__(self, model, folder):
        self.model, self.folder, self.used = model, folder, set()
        self.functions = {(domain(f.domain), f.name, f.overload): f for f in model.functions}

    def tensor(self, t):
        if t.data_type == onnx.TensorProto.STRING:
            content = b"".join(text(s) for s in t.string_data)
        elif t.HasField("raw_data"):
            content = t.raw_data
        else:
            array = numpy_helper.to_array(t, self.folder)
            content = numpy_helper.from_array(np.ascontiguousarray(array)).raw_data if array.size else b""
        return H("tensor", number(t.data_type), number(len(t.dims)), *map(number, t.dims), xxhash.xxh3_128_digest(content))

    def sparse(self, s):
        return H("sparse", *map(number, s.dims), self.tensor(s.values), self.tensor(s.indices))

    def find(self, name, scopes, captured):
        for depth, values in enumerate(reversed(scopes)):
            if name in values:
                if depth > 0:
                    captured.add(name)
                return values[name]
        raise KeyError(name)

    def graph(self, g, scopes, formals, depth, captured):
        values = {}
        for t in g.initializer:
            values[t.name] = H("constant", self.tensor(t))
        for s in g.sparse_initializer:
            values[s.values.name] = H("constant", self.sparse(s))
        port = 0
        for i in g.input:
            if i.name not in values:
                values[i.name] = H(formals, number(depth), number(port), number(i.type.tensor_type.elem_type))
                port += 1
        body = self.nodes(g.node, [o.name for o in g.output], scopes + [values], formals, depth, captured)
        return H("graph", number(port), body)

    def nodes(self, nodes, outputs, scopes, formals, depth, captured):
        ups, captures = [], []
        for node in nodes:
            captures.append(set())
            ups.append(self.node(node, scopes, formals, depth, captures[-1], captured))
            for k, name in enumerate(node.output):
                if name:
                    scopes[-1][name] = H("output", ups[-1], number(k))
        uses = {}
        results = [self.find(name, scopes, captured) for name in outputs]
        for port, name in enumerate(outputs):
            uses.setdefault(name, []).append(H("result", number(port)))
        labels = []
        for node, up, taken in reversed(list(zip(nodes, ups, captures))):
            labels.append(H("label", up, *(multiset(uses.get(name, [])) for name in node.output)))
            for port, name in enumerate(node.input):
                uses.setdefault(name, []).append(H("use", labels[-1], number(port)))
            for name in taken:
                uses.setdefault(name, []).append(H("capture", labels[-1]))
        return H("nodes", multiset(labels), listed(results))

    def node(self, node, scopes, formals, depth, taken, captured):
        if formals != "formal":
            self.used.add(domain(node.domain))
        inputs, outputs = list(node.input), list(node.output)
        while inputs and not inputs[-1]:
            inputs.pop()
        while outputs and not outputs[-1]:
            outputs.pop()
        hashes = [self.find(name, scopes, captured) if name else H("absent") for name in inputs]
        attributes = {a.name: self.attribute(a, scopes, formals, depth, taken, captured) for a in node.attribute}
        items = [text(domain(node.domain)), text(node.op_type), text(node.overload), listed(hashes), number(len(outputs)),
                 *(number(1 if name else 0) for name in outputs), number(len(attributes))]
        for name in sorted(attributes):
            items += [text(name), attributes[name]]
        function = self.functions.get((domain(node.domain), node.op_type, node.overload))
        if function is not None:
            items += [text("calls"), self.function(function)]
        return H("node", *items)

    def body(self, g, scopes, formals, depth, taken, captured):
        inner = set()
        found = self.graph(g, scopes, "formal" if formals == "formal" else "body", depth + 1, inner)
        for name in inner:
            taken.add(name)
            if name not in scopes[-1]:
                captured.add(name)
        return found

    def attribute(self, a, scopes, formals, depth, taken, captured):
        items = [number(a.type), text(a.ref_attr_name), number(bits(a.f)), number(a.i), text(a.s)]
        items += [number(bits(v)) for v in a.floats] + [number(len(a.floats))]
        items += [number(v) for v in a.ints] + [number(len(a.ints))]
        items += [text(v) for v in a.strings] + [number(len(a.strings))]
        items += [self.tensor(t) for t in ([a.t] if a.HasField("t") else []) + list(a.tensors)]
        items += [self.sparse(t) for t in ([a.sparse_tensor] if a.HasField("sparse_tensor") else []) + list(a.sparse_tensors)]
        items += [text(t.SerializeToString()) for t in ([a.tp] if a.HasField("tp") else []) + list(a.type_protos)]
        items += [self.body(g, scopes, formals, depth, taken, captured) for g in ([a.g] if a.HasField("g") else []) + list(a.graphs)]
        return H("attribute", *items)

    def function(self, f):
        values = {name: H("formal", number(port)) for port, name in enumerate(f.input)}
        items = [number(len(f.input))]
        for a in sorted(f.attribute_proto, key=lambda a: a.name):
            items += [text(a.name), self.attribute(a, [values], "formal", 0, set(), set())]
        items += [text(name) for name in sorted(set(f.attribute))]
        items += [imports(f.opset_import), self.nodes(f.node, list(f.output), [values], "formal", 0, set())]
        return H("function", *items)

    def whole(self):
        graph = self.graph(self.model.graph, [], "input", 0, set())
        return "scope-digest/1:" + H("scope-digest/1", imports(self.model.opset_import, self.used), graph).hex()


def scope_digest(path):
    import os

    folder = os.path.dirname(path)
    return Digest(onnx.load(path, load_external_data=False), folder).whole()


if __name__ == "__main__":
    for path in sys.argv[1:]:
        print(scope_digest(path), path)
