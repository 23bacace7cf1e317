#!/usr/bin/env python3
"""Writes corpus/extents: inputs of extents_fuzz.cc that reach every branch. usage: make_extents_corpus.py"""

import pathlib
import random
import struct

OUT = pathlib.Path(__file__).parent / "corpus" / "extents"


def record(size: int, offset: int, parameters: int, source: int, transformation: int) -> bytes:
    return struct.pack("<QQQII", size, offset, parameters, source, transformation)


def descriptor(rows: int, columns: int, source: int, form: int, order: int = 0, scales: int = 0, block: int = 0, scale_source: int = 0,
               scale_offset: int = 0, zero: int = 0) -> bytes:
    return struct.pack("<QQBBBBIIIQ", rows, columns, source, form, order, scales, block, scale_source, zero, scale_offset)


def a_map(member: int, source: int, records: list[bytes], residual: bytes) -> bytes:
    return struct.pack("<HH", member, source) + b"extents1" + struct.pack("<Q", len(records)) + b"".join(records) + residual


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    noise = random.Random(1)
    source = noise.randbytes(4 * 24 * 30)
    matrix = [source[i * 4 : i * 4 + 4] for i in range(24 * 30)]
    turned = b"".join(matrix[i * 24 + j] for j in range(24) for i in range(30))
    trits = [random.Random(i).randrange(3) for i in range(48 * 64)]
    reals = struct.pack("<3072f", *((t - 1) * 0.5 for t in trits))
    reals = reals.replace(struct.pack("<f", -0.0), bytes(4))
    u2 = bytes(sum(trits[i + j] << 2 * j for j in range(4)) for i in range(0, 3072, 4))
    t5k = bytes(sum((trits[n * 64 + k + i] if k + i < 64 else 1) * 3**i for i in range(5)) for n in range(48) for k in range(0, 64, 5))
    t5r = bytes(sum((trits[(g + r) * 64 + k] if g + r < 48 else 1) * 3**r for r in range(5)) for g in range(0, 48, 5) for k in range(64))
    matrix_head = struct.pack("<HH", len(reals), 64) + reals

    def one(size: int, source: int, offset: int, rest: bytes, member: int = 0) -> bytes:
        return a_map(member or size, 400, [record(size, offset, 0, source, 2)], rest)

    files = {
        "ternary_codes": one(8, 1, 100, descriptor(4, 8, 2, 1)),
        "ternary_codes_turned": one(320, 1, 8, descriptor(24, 5, 3, 2, order=1)),
        "ternary_of_reals": one(64, 1, 0, descriptor(3, 7, 17, 2)),
        "ternary_reals": one(120, 1, 0, descriptor(5, 6, 1, 16, scales=2, scale_offset=40) + bytes(20)),
        "ternary_reals_blocks": one(192, 1, 0, descriptor(4, 24, 3, 18, order=2, scales=3, block=16, scale_source=1, scale_offset=200)),
        "ternary_inside": one(60, 0, 40, descriptor(5, 6, 2, 17, scales=1, scale_offset=104) + bytes([243]) + bytes(63) + bytes(2)),
        "ternary_after_literal": a_map(11, 400, [record(3, 0, 0, 0, 0), record(8, 100, 3, 1, 2)], b"abc" + descriptor(4, 8, 2, 1)),
        "ternary_bits": one(8, 1, 100, descriptor(4, 8, 2, 1, order=7)),
        "ternary_zero": one(8, 1, 100, descriptor(4, 8, 2, 1, zero=1)),
        "ternary_forms": one(8, 1, 100, descriptor(4, 8, 2, 9)),
        "ternary_copy": one(8, 1, 100, descriptor(4, 8, 1, 1)),
        "ternary_no_scales": one(128, 1, 100, descriptor(4, 8, 2, 16)),
        "ternary_block": one(128, 1, 100, descriptor(4, 8, 2, 16, scales=3, block=24)),
        "ternary_overflow": one(8, 1, 100, descriptor(1 << 62, 8, 2, 1)),
        "ternary_wide": one(8, 1, 100, descriptor(1, 1 << 40, 2, 1)),
        "ternary_tall": one(8, 1, 100, descriptor(1 << 30, 8, 2, 1, order=1)),
        "ternary_size": one(9, 1, 100, descriptor(4, 8, 2, 1)),
        "ternary_beyond": one(8, 1, 399, descriptor(4, 8, 2, 1)),
        "ternary_scales_beyond": one(128, 1, 0, descriptor(4, 8, 2, 16, scales=2, scale_source=1, scale_offset=(1 << 64) - 8)),
        "ternary_scale_place": one(128, 1, 0, descriptor(4, 8, 2, 16, scales=2, scale_offset=41) + bytes(16)),
        "ternary_cut": one(8, 1, 100, descriptor(4, 8, 2, 1)[:39]),
        "finder_t5r": matrix_head + source[:3] + t5r + source[:9],
        "finder_t5k": matrix_head + source[:40] + t5k,
        "finder_u2": matrix_head + u2 + reals[:500],
        "finder_u2_almost": matrix_head + u2[:-1] + b"\0",
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
