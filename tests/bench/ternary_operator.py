#!/usr/bin/env python3
"""TernaryMatMul against ONNX Runtime's own MatMulNBits (2 bits, block 128, accuracy level 4), in turns in one process.

usage: ternary_operator.py [--ops build/lib/libonnxpack_ops.so] [--threads 1] [--rows 1] [--layers 24] [--rounds 25]

A model is `layers` matrices of one shape that read the same activations, so that weights come from memory. Per kind: p10 and median of the wall time and,
with one thread, of the processor time per product, which other work on the machine disturbs less; ratios are of p10.
"""

import argparse
import os
import pathlib
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/ort_ops"))


def chain(kind: str, n: int, k: int, a):
    import numpy as np
    from harness import session
    from onnx import TensorProto, helper, numpy_helper
    from ternary_test import ENCODERS

    rng, nodes, initializers = np.random.default_rng(0), [], []
    for i in range(a.layers):
        w = rng.integers(-1, 2, (n, k)).astype(np.int8)
        if kind == "MatMulNBits":
            codes = (w + 2).astype(np.uint8).reshape(n, k // 128, 32, 4)
            weights = (codes << (2 * np.arange(4, dtype=np.uint8))).sum(-1).astype(np.uint8)
            scales = np.full((n, k // 128), 0.01, np.float32)
            node = helper.make_node(kind, ["x", f"w{i}", f"s{i}"], [f"y{i}"], domain="com.microsoft", K=k, N=n, bits=2, block_size=128, accuracy_level=4)
        else:
            weights, scales = ENCODERS[kind](w), np.array(0.01, np.float32)
            node = helper.make_node("TernaryMatMul", ["x", f"w{i}", f"s{i}"], [f"y{i}"], domain="org.onnxpack", K=k, N=n, encoding=kind, block_size=0, mode="int8")
        nodes.append(node)
        initializers += [numpy_helper.from_array(weights, f"w{i}"), numpy_helper.from_array(scales, f"s{i}")]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["m", k])],
                              [helper.make_tensor_value_info(f"y{i}", TensorProto.FLOAT, ["m", n]) for i in range(a.layers)], initializers)
    domains = [("", 21), ("com.microsoft", 1), ("org.onnxpack", 1)]
    return session(helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid(*d) for d in domains]), threads=a.threads)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ops")
    for name, default in (("threads", 1), ("rows", 1), ("layers", 24), ("rounds", 25)):
        parser.add_argument(f"--{name}", type=int, default=default)
    a = parser.parse_args()
    if a.ops:
        os.environ["ONNXPACK_OPS"] = a.ops
    import numpy as np

    clocks = {"wall": time.perf_counter} | ({"processor": time.thread_time} if a.threads == 1 else {})
    kinds = ("MatMulNBits", "ternary.u2/1", "ternary.t5r/1")
    for n, k in ((2560, 2560), (6912, 2560), (2560, 6912)):
        sessions = {kind: chain(kind, n, k, a) for kind in kinds}
        x = np.random.default_rng(1).standard_normal((a.rows, k)).astype(np.float32)
        times = {(kind, clock): [] for kind in kinds for clock in clocks}
        for _ in range(a.rounds):
            for kind, session in sessions.items():
                begin = {clock: now() for clock, now in clocks.items()}
                session.run(None, {"x": x})
                for clock, now in clocks.items():
                    times[kind, clock].append((now() - begin[clock]) / a.layers)
        for (kind, clock), values in times.items():
            p10, median = np.percentile(values, (10, 50))
            ratio = np.percentile(times["MatMulNBits", clock], 10) / p10
            print(f"{n}x{k}, {a.rows} rows, {a.threads} threads, {clock:9} {kind:14} p10 {1e6 * p10:9.1f} us, median {1e6 * median:9.1f} us, "
                  f"{1e-9 * a.rows * n * k / p10:6.0f} GMAC/s, {ratio:.2f} times MatMulNBits")


main()
