"""Models for benches: real ones from the set-up, and a generated one of any size (protobuf by hand, no dependency)."""

from __future__ import annotations

import os
from pathlib import Path


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _bytes(number: int, payload: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(payload)) + payload


def _int(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _text(number: int, text: str) -> bytes:
    return _bytes(number, text.encode())


def _value(name: str, size: int) -> bytes:
    tensor = _int(1, 1) + _bytes(2, _bytes(1, _int(1, size)))
    return _text(1, name) + _bytes(2, _bytes(1, tensor))


def _chain(tensors: int) -> bytes:
    """The nodes and the name of a graph: x + w0 + w1 + ... = y."""
    graph = b""
    previous = "x"
    for i in range(tensors):
        out = "y" if i == tensors - 1 else f"t{i}"
        graph += _bytes(1, _text(1, previous) + _text(1, f"w{i}") + _text(2, out) + _text(4, "Add"))
        previous = out
    return graph + _text(2, "chain")


def _ends(elements: int) -> bytes:
    """The graph's input and output."""
    return _bytes(11, _value("x", elements)) + _bytes(12, _value("y", elements))


HEAD = _int(1, 8) + _text(2, "bench")
OPSET = _bytes(8, _int(2, 13))


def external_model(folder: Path, size: int, tensors: int = 64, sparse: bool = False) -> Path:
    """A chain of Add nodes whose weights, `size` bytes in all, lie in one external file of pseudo-random bytes; or, sparse,
    of zeros that take no room on the disk.
    """
    folder.mkdir(parents=True, exist_ok=True)
    each = size // tensors // 4096 * 4096
    graph = _chain(tensors)
    for i in range(tensors):
        place = {"location": "weights.bin", "offset": str(i * each), "length": str(each)}
        entries = b"".join(_bytes(13, _text(1, k) + _text(2, v)) for k, v in place.items())
        graph += _bytes(5, _int(1, each // 4) + _int(2, 1) + _text(8, f"w{i}") + entries + _int(14, 1))
    (folder / "model.onnx").write_bytes(HEAD + _bytes(7, graph + _ends(each // 4)) + OPSET)
    block = os.urandom(1 << 20)
    with open(folder / "weights.bin", "wb") as data:
        if sparse:
            data.truncate(each * tensors)
            return folder / "model.onnx"
        for i in range(each * tensors >> 20):
            # Every block differs, so that nothing on the way can store it once.
            data.write(i.to_bytes(8, "little") + block[8:])
    return folder / "model.onnx"


def inline_model(folder: Path, size: int, tensors: int = 16) -> Path:
    """The same chain with its weights, zeros, inside the protobuf: `size` bytes, which must stay below 2 GiB."""
    folder.mkdir(parents=True, exist_ok=True)
    each = size // tensors // 4096 * 4096
    nodes, ends = _chain(tensors), _ends(each // 4)
    # A tensor's bytes are its last field, so they can be written after its head.
    heads = []
    for i in range(tensors):
        head = _int(1, each // 4) + _int(2, 1) + _text(8, f"w{i}") + _varint(9 << 3 | 2) + _varint(each)
        heads.append(_varint(5 << 3 | 2) + _varint(len(head) + each) + head)
    graph_size = len(nodes) + sum(map(len, heads)) + each * tensors + len(ends)
    path = folder / "model.onnx"
    with open(path, "wb") as out:
        out.write(HEAD + _varint(7 << 3 | 2) + _varint(graph_size) + nodes)
        for head in heads:
            out.write(head)
            out.truncate(out.tell() + each)
            out.seek(0, os.SEEK_END)
        out.write(ends + OPSET)
    return path


def real_models(root: Path) -> dict[str, Path]:
    """What the set-up unpacked, and what lies in the folder ONNXPACK_BENCH_MODELS."""
    found = sorted((root / ".deps" / "models").rglob("*.onnx"))
    if more := os.environ.get("ONNXPACK_BENCH_MODELS"):
        found += sorted(Path(more).rglob("*.onnx"))
    return {path.stem: path for path in found}
