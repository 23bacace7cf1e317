"""Element types by the three names they go by: ONNX's, numpy's, and the one that IREE's programs take."""

from __future__ import annotations

from .protocol import Refused

# ONNX -> bytes, numpy, iree-run-module. bfloat16 has no numpy type: it travels as its bits.
TYPES = {
    "tensor(float)": (4, "float32", "f32"),
    "tensor(double)": (8, "float64", "f64"),
    "tensor(float16)": (2, "float16", "f16"),
    "tensor(bfloat16)": (2, "", "bf16"),
    "tensor(int8)": (1, "int8", "i8"),
    "tensor(int16)": (2, "int16", "i16"),
    "tensor(int32)": (4, "int32", "i32"),
    "tensor(int64)": (8, "int64", "i64"),
    "tensor(uint8)": (1, "uint8", "i8"),
    "tensor(uint16)": (2, "uint16", "i16"),
    "tensor(uint32)": (4, "uint32", "i32"),
    "tensor(uint64)": (8, "uint64", "i64"),
    "tensor(bool)": (1, "bool", "i1"),
}


def _entry(kind: str) -> tuple[int, str, str]:
    if kind not in TYPES:
        raise Refused(f"tensors of type {kind} are not passed by this backend", stage="run")
    return TYPES[kind]


def byte_size(kind: str, shape: list[int]) -> int:
    count = 1
    for size in shape:
        count *= size
    return count * _entry(kind)[0]


def numpy_name(kind: str) -> str:
    name = _entry(kind)[1]
    if not name:
        raise Refused(f"tensors of type {kind} have no numpy type", stage="run")
    return name


def runner_text(kind: str, shape: list[int]) -> str:
    """"1x3x320x640xf32", or "f32" for a scalar."""
    return "x".join([*map(str, shape), _entry(kind)[2]])
