#!/usr/bin/env python3
"""Makes the .npy and .npz samples beside it, with numpy and ml_dtypes (tried: numpy 2.4, ml_dtypes 0.6).

For each NAME.npy there is NAME.raw: the same elements in C order, little endian. index.txt lists "NAME element-type shape copy",
copy being "same" where write_npy() of the tensor must give the .npy back byte for byte. Run it in its own folder.
"""
import io
import struct

import ml_dtypes
import numpy as np

rng = np.random.default_rng(7)
index = []


def wide(kind, shape):
    """Random bits of the type, without signalling NaNs, which a copy may quieten."""
    dtype = np.dtype(kind)
    if dtype.kind in "fc":
        return (rng.standard_normal(shape) * 100 + (1j * rng.standard_normal(shape) if dtype.kind == "c" else 0)).astype(dtype)
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, shape, dtype=dtype.newbyteorder("="), endpoint=True).astype(dtype)


def add(name, array, element, same, save=None):
    if save is None:
        np.save(name + ".npy", array)
    else:
        save(name + ".npy", array)
    little = np.ascontiguousarray(array)
    if little.dtype.byteorder == ">":
        little = little.astype(little.dtype.newbyteorder("<"))
    with open(name + ".raw", "wb") as file:
        file.write(little.tobytes())
    index.append(f"{name} {element} [{','.join(map(str, array.shape))}] {'same' if same else 'other'}")


def save_version(version):
    def save(name, array):
        with open(name, "wb") as file:
            np.lib.format.write_array(file, array, version=version)
    return save


def save_python2(name, array):
    """What Python 2 wrote on some platforms: long integers in the shape."""
    text = "{'descr': '<i4', 'fortran_order': False, 'shape': (%dL, %dL), }" % array.shape
    text = text.ljust(118 - 1) + "\n"
    with open(name, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + array.tobytes())


ELEMENTS = {"f4": "float", "f8": "double", "f2": "float16", "?": "bool", "i1": "int8", "i2": "int16", "i4": "int32", "i8": "int64",
            "u1": "uint8", "u2": "uint16", "u4": "uint32", "u8": "uint64", "c8": "complex64", "c16": "complex128"}
for kind, element in ELEMENTS.items():
    word = "b1" if kind == "?" else kind
    add(f"c_{word}", wide("<" + kind, (2, 3, 5)), element, True)
    if kind not in ("?", "i1", "u1"):
        add(f"big_{word}", wide(">" + kind, (3, 4)), element, False)
add("scalar", np.array(1.5, np.float32), "float", True)
add("vector", wide("<i4", (7,)), "int32", True)
add("empty", np.zeros((0, 3), np.float32), "float", True)
add("deep", wide("<f4", (2, 1, 3, 1, 2, 2)), "float", True)
add("long_name_shape", wide("<u1", (1,) * 30), "uint8", True)
add("fortran", np.asfortranarray(wide("<f4", (3, 4, 5))), "float", False)
add("fortran_big", np.asfortranarray(wide(">f8", (4, 3))), "double", False)
add("fortran_vector", np.asfortranarray(wide("<f4", (5,))), "float", True)
add("fortran_empty", np.zeros((3, 0, 2), np.float32, order="F"), "float", False)
add("version2", wide("<f4", (2, 2)), "float", False, save_version((2, 0)))
add("version3", wide("<f4", (2, 2)), "float", False, save_version((3, 0)))
add("python2", wide("<i4", (2, 3)), "int32", False, save_python2)
add("bfloat16", wide("<f4", (2, 3)).astype(ml_dtypes.bfloat16), "bfloat16", True)
add("float8", wide("<f4", (5,)).astype(ml_dtypes.float8_e4m3fn), "float8e4m3fn", True)

with open("index.txt", "w") as file:
    file.write("\n".join(index) + "\n")

# Every number of the narrow floating types, widened by ml_dtypes and numpy: bits 0, 1, 2, ... as doubles.
for name, dtype, bits in (("float8e4m3fn", ml_dtypes.float8_e4m3fn, 8), ("float8e4m3fnuz", ml_dtypes.float8_e4m3fnuz, 8),
                          ("float8e5m2", ml_dtypes.float8_e5m2, 8), ("float8e5m2fnuz", ml_dtypes.float8_e5m2fnuz, 8),
                          ("float8e8m0", ml_dtypes.float8_e8m0fnu, 8), ("float4e2m1", ml_dtypes.float4_e2m1fn, 4)):
    np.save(f"all_{name}.npy", np.arange(2**bits, dtype=np.uint8).view(dtype).astype(np.float64))

parts = {"b": wide("<f4", (2, 3)), "a": wide("<i8", (4,)), "mask": wide("?", (3,)), "zeros": np.zeros((50, 50), np.float32)}
np.savez("stored.npz", **parts)
np.savez_compressed("deflated.npz", **parts)

# What must be refused: objects (pickles), texts, structures, dates.
for name, array in {"object": np.array([1, "a", None], dtype=object), "text": np.array(["ab", "c"]), "bytes": np.array([b"ab"]),
                    "structure": np.zeros(2, [("x", "<f4"), ("y", "<i4")]), "date": np.array(["2026-01-01"], dtype="datetime64[D]")}.items():
    np.save(f"refused_{name}.npy", array, allow_pickle=True)
