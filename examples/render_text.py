#!/usr/bin/env python3
"""Draws a line of text and writes it as PP-OCR's text detector wants its input: a .npy of float32 [1, 3, height, width].

A detector shown noise answers next to nothing, and a blob that answers nothing would agree with it; so the quickstart
verifies on something to detect. Needs Python alone.

usage: render_text.py OUT.npy [TEXT] [HEIGHT] [WIDTH]      height and width are multiples of 32
"""

import array
import struct
import sys

# Seven rows of five dots each, top to bottom, the highest of the five bits on the left.
FONT = {
    " ": (0, 0, 0, 0, 0, 0, 0),
    "-": (0, 0, 0, 31, 0, 0, 0),
    "A": (14, 17, 17, 31, 17, 17, 17),
    "C": (14, 17, 16, 16, 16, 17, 14),
    "D": (30, 17, 17, 17, 17, 17, 30),
    "E": (31, 16, 16, 30, 16, 16, 31),
    "F": (31, 16, 16, 30, 16, 16, 16),
    "H": (17, 17, 17, 31, 17, 17, 17),
    "I": (14, 4, 4, 4, 4, 4, 14),
    "K": (17, 18, 20, 24, 20, 18, 17),
    "L": (16, 16, 16, 16, 16, 16, 31),
    "N": (17, 25, 25, 21, 19, 19, 17),
    "O": (14, 17, 17, 17, 17, 17, 14),
    "P": (30, 17, 17, 30, 16, 16, 16),
    "R": (30, 17, 17, 30, 20, 18, 17),
    "S": (15, 16, 16, 14, 1, 1, 30),
    "T": (31, 4, 4, 4, 4, 4, 4),
    "X": (17, 17, 10, 4, 10, 17, 17),
}
# What the detector was trained with, per channel.
MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)


def draw(text: str, height: int, width: int) -> list[bytearray]:
    """Rows of pixels, 1 for ink, the text centred and as large as fits."""
    columns = 6 * len(text) - 1
    scale = max(1, min((width - 32) // columns, (height - 32) // 7))
    left, top = (width - columns * scale) // 2, (height - 7 * scale) // 2
    rows = [bytearray(width) for _ in range(height)]
    for index, letter in enumerate(text):
        for y, bits in enumerate(FONT[letter]):
            for x in range(5):
                if bits >> (4 - x) & 1:
                    start = left + (6 * index + x) * scale
                    for row in rows[top + y * scale : top + (y + 1) * scale]:
                        row[start : start + scale] = b"\1" * scale
    return rows


def main() -> int:
    out = sys.argv[1]
    text = sys.argv[2] if len(sys.argv) > 2 else "ONNX-PACK"
    height, width = (int(v) for v in (sys.argv[3:5] or ("160", "480")))
    rows = draw(text, height, width)
    values = array.array("f")
    for mean, deviation in zip(MEAN, DEVIATION):
        paper, ink = (1 - mean) / deviation, (0 - mean) / deviation
        for row in rows:
            values.extend(ink if dot else paper for dot in row)
    if sys.byteorder == "big":
        values.byteswap()
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3, {height}, {width}), }}"
    header = header.ljust(-(10 + len(header) + 1) % 64 + len(header)) + "\n"
    with open(out, "wb") as file:
        file.write(b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header.encode() + values.tobytes())
    return 0


if __name__ == "__main__":
    sys.exit(main())
