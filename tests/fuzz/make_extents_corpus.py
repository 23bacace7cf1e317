#!/usr/bin/env python3
"""Writes corpus/extents: inputs of extents_fuzz.cc that reach every branch. usage: make_extents_corpus.py"""

import pathlib
import random
import struct

OUT = pathlib.Path(__file__).parent / "corpus" / "extents"


def record(size: int, offset: int, parameters: int, source: int, transformation: int) -> bytes:
    return struct.pack("<QQQII", size, offset, parameters, source, transformation)


def a_map(member: int, source: int, records: list[bytes], residual: bytes) -> bytes:
    return struct.pack("<HH", member, source) + b"extents1" + struct.pack("<Q", len(records)) + b"".join(records) + residual


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    noise = random.Random(1)
    source = noise.randbytes(4 * 24 * 30)
    matrix = [source[i * 4 : i * 4 + 4] for i in range(24 * 30)]
    turned = b"".join(matrix[i * 24 + j] for j in range(24) for i in range(30))
    files = {
        "copy": a_map(12, 40, [record(8, 30, 0, 1, 0), record(4, 0, 0, 0, 0)], b"rest"),
        "transpose": a_map(24, 40, [record(24, 16, 3 << 8 | 2, 1, 1)], b""),
        "empty": a_map(0, 0, [], b""),
        "unknown": a_map(4, 8, [record(4, 0, 0, 1, 9)], b""),
        "beyond": a_map(4, 8, [record(4, 6, 0, 1, 0)], b""),
        "finder_copy": struct.pack("<HH", len(source), 0) + source + noise.randbytes(13) + source[100:1900] + b"\0" * 99,
        "finder_transpose": struct.pack("<HH", len(source), 24) + source + noise.randbytes(5) + turned + noise.randbytes(40),
    }
    for name, content in files.items():
        (OUT / name).write_bytes(content)


if __name__ == "__main__":
    main()
