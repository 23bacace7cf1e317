#!/usr/bin/env python3
"""Makes the corpus of ternary_fuzz: small matrices of each form, some broken. usage: make_ternary_corpus.py"""

import pathlib

ROWS, COLUMNS = 7, 13
folder = pathlib.Path(__file__).parent / "corpus/ternary"
folder.mkdir(parents=True, exist_ok=True)


def code(n: int, k: int) -> int:
    return (5 * n + 7 * k + n * k) % 3 if n < ROWS and k < COLUMNS else 1


def planes(base: int, height: int) -> bytes:
    groups = -(-ROWS // height)
    return bytes(sum(code(g * height + r, k) * base**r for r in range(height)) for g in range(groups) for k in range(64))


flat = [code(n, k) for n in range(ROWS) for k in range(COLUMNS)]
forms = [
    ("u2", bytes(sum(c << (2 * i) for i, c in enumerate(flat[b : b + 4])) for b in range(0, len(flat), 4))),
    ("t5r", planes(3, 5)),
    ("t5k", bytes(sum(code(n, 5 * j + i) * 3**i for i in range(5)) for n in range(ROWS) for j in range(-(-COLUMNS // 5)))),
    ("u2r", planes(4, 4)),
]
for number, (name, matrix) in enumerate(forms):
    head = bytes([ROWS * 4 + number, COLUMNS])
    (folder / name).write_bytes(head + matrix)
    (folder / f"{name}_invalid").write_bytes(head + matrix[:3] + b"\xff" + matrix[4:])
    (folder / f"{name}_padding").write_bytes(head + matrix[:-1] + bytes([matrix[-1] ^ 0x80]))
    (folder / f"{name}_short").write_bytes(head + matrix[:-1])
(folder / "empty").write_bytes(bytes([0, 0]))
(folder / "blocks").write_bytes(bytes([0, 0]) + bytes([1, 0x3C]) + b"\x64\x95\x12\x88" * 16)
