#!/usr/bin/env python3
"""Makes the samples of other people's ternary layouts, each by its owner's code or proved by it. usage: make_foreign.py [FOLDER]

trits.i8 holds the matrix, int8 [8, 512]; each other file holds the same weights.
  int2.bin, uint2.bin       onnx's own helper (package onnx)
  tq1_0.bin, tq2_0.bin      ggml's Python quantisers (package gguf), scale of block b: (b + 1) / 32
  matmul_nbits_2.bin        packed here; ONNX Runtime's MatMulNBits multiplies an identity matrix by it and gives the weights back
  bitnet.bin                Hugging Face's pack_weights (packages transformers and torch), whose layers give it back in both scale conventions

Not made by their owners' code, so tested by formula and round trip only: Q2_0 (not in gguf 0.19's quantisers) and I2_S (bitnet.cpp is not on
PyPI). A package that is not installed is said and its files are left alone. tests/ort_ops/foreign_test.py makes them anew and compares.
"""

import os
import pathlib
import sys

import numpy as np

ROWS, COLUMNS = 8, 512


def trits() -> np.ndarray:
    # A linear congruential generator, so that the samples do not depend on numpy's version.
    state, out = 12345, np.empty(ROWS * COLUMNS, np.int8)
    for i in range(out.size):
        state = (state * 1103515245 + 12345) % (1 << 31)
        out[i] = (state >> 16) % 3 - 1
    return out.reshape(ROWS, COLUMNS)


def onnx_types(w: np.ndarray) -> dict[str, bytes]:
    import onnx

    def raw(values: np.ndarray, kind: int) -> bytes:
        numpy_type = onnx.helper.tensor_dtype_to_np_dtype(kind)
        return onnx.numpy_helper.from_array(values.astype(numpy_type)).raw_data

    return {
        "int2.bin": raw(w, onnx.TensorProto.INT2),
        "uint2.bin": raw(w + 1, onnx.TensorProto.UINT2),
    }


def ggml(w: np.ndarray) -> dict[str, bytes]:
    from gguf import GGMLQuantizationType as Type
    from gguf import quants

    scales = (np.arange(w.size // 256, dtype=np.float32) + 1) / 32
    values = (w.reshape(-1, 256) * scales[:, None]).reshape(w.shape).astype(np.float32)
    out = {}
    for kind in (Type.TQ1_0, Type.TQ2_0):
        packed = quants.quantize(values, kind)
        assert np.array_equal(quants.dequantize(packed, kind), values)
        out[f"{kind.name.lower()}.bin"] = packed.tobytes()
    return out


def matmul_nbits(w: np.ndarray) -> dict[str, bytes]:
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper

    codes = (w + 2).astype(np.uint8).reshape(ROWS, COLUMNS // 128, 32, 4)
    packed = (codes << (2 * np.arange(4, dtype=np.uint8))).sum(-1).astype(np.uint8)
    node = helper.make_node("MatMulNBits", ["a", "b", "s"], ["y"], domain="com.microsoft",
                            K=COLUMNS, N=ROWS, bits=2, block_size=128)
    graph = helper.make_graph(
        [node], "g", [helper.make_tensor_value_info("a", TensorProto.FLOAT, [COLUMNS, COLUMNS])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [COLUMNS, ROWS])],
        [onnx.numpy_helper.from_array(packed, "b"),
         onnx.numpy_helper.from_array(np.ones((ROWS, COLUMNS // 128), np.float32), "s")])
    model = helper.make_model(graph, ir_version=10, opset_imports=[
        helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)])
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (got,) = session.run(None, {"a": np.eye(COLUMNS, dtype=np.float32)})
    assert np.array_equal(got, w.T.astype(np.float32))
    return {"matmul_nbits_2.bin": packed.tobytes()}


def bitnet(w: np.ndarray) -> dict[str, bytes]:
    os.environ.setdefault("TORCHDYNAMO_DISABLE", "1")  # plain Python is enough for 4096 weights
    import torch
    from transformers.integrations import bitnet as owner

    packed = owner.pack_weights(torch.tensor(w, dtype=torch.float32))
    # Of each column alone the reference's rounding of activations loses nothing.
    ones, scale = torch.eye(COLUMNS), 0.375
    divides = owner.BitLinear(COLUMNS, ROWS, bias=False, dtype=torch.float32)
    divides.weight, divides.weight_scale = packed, torch.tensor([1 / scale])
    multiplies = owner.AutoBitLinear(COLUMNS, ROWS, bias=False, dtype=torch.float32)
    multiplies.weight.data, multiplies.weight_scale = torch.tensor(w, dtype=torch.float32), torch.tensor([scale])
    for layer in (divides, multiplies):
        with torch.no_grad():
            got = layer(ones.clone()).numpy()
        assert np.allclose(got, w.T * scale, rtol=1e-6, atol=0), layer
    return {"bitnet.bin": packed.numpy().tobytes()}


MAKERS = (onnx_types, ggml, matmul_nbits, bitnet)


def main() -> None:
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent)
    w = trits()
    files = {"trits.i8": w.tobytes()}
    for make in MAKERS:
        try:
            files |= make(w)
        except ImportError as missing:
            print(f"{make.__name__}: not made, {missing}")
    for name, content in files.items():
        (folder / name).write_bytes(content)
        print(name, len(content))


if __name__ == "__main__":
    main()
