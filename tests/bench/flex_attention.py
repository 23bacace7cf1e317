"""FlexAttention against ONNX Runtime's own matrix product and its peers, in one process, in turns.

usage: bench/flex_attention.py [--length S]... [--head-size D]... [--rounds N] [--threads N] [--row NAME]... [--append-path FOLDER]...

Every round runs each contender once, or as often as takes 10 ms, so that a machine that slows down slows all of them. Of each the median over rounds is compared with the
median of SGEMM (MatMul of 2048 x 2048 by ONNX Runtime). On one thread time is the thread's own CPU time, which other programs do not stretch;
on several it is wall time; ONNX Runtime's sessions share their threads then, since those of each would spin beside the others', and PyTorch runs when
they have gone to sleep. Sessions are bound to their tensors, so that nothing is copied from or to numpy. "dense-equivalent" counts 4 B H L S D operations whatever is masked. The spread is the 10th and 90th percentile.

Where PyTorch is importable (--append-path FOLDER makes a folder of packages visible behind this Python's own), torch.compile(flex_attention)
with the same modifiers is a contender too; at the end is the geometric mean of our speed over its over all rows with a modifier.
"""

import argparse
import math
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # of PyTorch's threads, read when they are made
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/ort_ops"))

import numpy as np  # noqa: E402
from onnx import TensorProto, helper  # noqa: E402

import harness  # noqa: E402
from lowering import ModifierBuilder, flex_model, inlined, lower  # noqa: E402


def causal(m):
    return m.op("Where", m.op("LessOrEqual", m.axis(3), m.axis(2)), "in", m.real(-np.inf))


def window(m):
    distance = m.op("Sub", m.axis(2), m.axis(3))
    near = m.op("And", m.op("GreaterOrEqual", distance, m.const(0)), m.op("Less", distance, m.const(256)))
    return m.op("Where", near, "in", m.real(-np.inf))


def soft_cap(m):
    return m.op("Mul", m.op("Tanh", m.op("Div", "in", m.real(20.0))), m.real(20.0))


def relative_bias(m):
    distance = m.op("Cast", m.op("Sub", m.axis(3), m.axis(2)), to=TensorProto.FLOAT)
    return m.op("Add", "in", m.op("Mul", distance, m.real(0.01)))


MODIFIERS = {"dense": None, "causal": causal, "window 256": window, "soft-cap": soft_cap, "relative bias": relative_bias}


def flex(modifier, heads, kv_heads, length, size):
    shapes = {"Q": [1, heads, length, size], "K": [1, kv_heads, length, size], "V": [1, kv_heads, length, size], "Y": [1, heads, length, size]}
    graph = None
    if modifier is not None:
        m = ModifierBuilder()
        graph = m.graph(modifier(m))
    return flex_model(TensorProto.FLOAT, shapes, score_mod=graph)


def contrib(op_type, heads, kv_heads, length, size, **attributes):
    """com.microsoft's attention in the same layout of heads; the transposes it wants are outside of what is timed."""
    names = ["query", "key", "value"]
    widths = [heads * size, kv_heads * size, kv_heads * size]
    inputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, length, w]) for n, w in zip(names, widths)]
    operands = list(names)
    if op_type == "GroupQueryAttention":
        operands += ["", "", "seqlens", "total"]
        inputs += [helper.make_tensor_value_info("seqlens", TensorProto.INT32, [1]), helper.make_tensor_value_info("total", TensorProto.INT32, [1])]
    outputs = ["Y"] + (["pk", "pv"] if op_type == "GroupQueryAttention" else [])
    node = helper.make_node(op_type, operands, outputs, domain="com.microsoft", **attributes)
    infos = [helper.make_empty_tensor_value_info(n) for n in outputs]
    graph = helper.make_graph([node], "peer", inputs, infos)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20), helper.make_opsetid("com.microsoft", 1)], ir_version=10)


def gemm():
    info = lambda n: helper.make_tensor_value_info(n, TensorProto.FLOAT, [2048, 2048])  # noqa: E731
    graph = helper.make_graph([helper.make_node("MatMul", ["A", "B"], ["C"])], "gemm", [info("A"), info("B")], [info("C")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


class Contender:
    def __init__(self, name, model, feeds, operations, threads, ops=True):
        session = harness.session(model, threads if threads == 1 else None, ops)
        binding = session.io_binding()
        for input_name, value in feeds.items():
            binding.bind_cpu_input(input_name, value)
        for output in session.get_outputs():
            binding.bind_output(output.name)

        def run():
            session.run_with_iobinding(binding)

        self.prepare(name, run, operations, threads)
        self.output = binding.copy_outputs_to_cpu()

    def prepare(self, name, run, operations, threads):
        self.name, self.run, self.operations, self.times = name, run, operations, []
        self.clock = time.thread_time if threads == 1 else time.perf_counter
        self.output = self.run()
        began = time.perf_counter()
        self.run()
        self.runs = max(1, round(0.01 / (time.perf_counter() - began)))

    pause = 0

    def once(self):
        time.sleep(self.pause)
        began = self.clock()
        for _ in range(self.runs):
            self.run()
        self.times.append((self.clock() - began) / self.runs)

    def rate(self):
        return self.operations / statistics.median(self.times) / 1e9

    def spread(self):
        low, high = np.percentile(self.times, [10, 90])
        return f"{1e3 * low:.1f} to {1e3 * high:.1f}"


class TorchContender(Contender):
    """torch.compile(flex_attention): masks as block masks, which it skips by, other modifiers as score_mod."""

    def __init__(self, torch, name, feeds, operations, threads):
        from torch.nn.attention import flex_attention as flex_torch

        q, k, v = (torch.from_numpy(feeds[n]) for n in "QKV")
        masks = {"causal": lambda b, h, i, j: j <= i, "window 256": lambda b, h, i, j: (j <= i) & (i - j < 256)}
        scores = {"soft-cap": lambda x, b, h, i, j: 20 * torch.tanh(x / 20), "relative bias": lambda x, b, h, i, j: x + (j - i) * 0.01}
        options = {"enable_gqa": q.shape[1] != k.shape[1]}
        if name in masks:
            options["block_mask"] = flex_torch.create_block_mask(masks[name], None, None, q.shape[2], k.shape[2], device="cpu")
        if name in scores:
            options["score_mod"] = scores[name]
        call = torch.compile(flex_torch.flex_attention, dynamic=False)

        def run():
            with torch.no_grad():
                return call(q, k, v, **options)

        self.prepare(f"{name}, torch.compile", run, operations, threads)
        self.pause = 0.05 if threads > 1 else 0


def find_torch(threads):
    try:
        import torch
    except ImportError:
        print("torch.compile(flex_attention) is left out: this Python has no torch")
        return None
    torch.set_num_threads(threads)
    # Beyond the limit it falls back to eager, ten times slower, with a log line only.
    torch._dynamo.config.recompile_limit = 256
    print(f"torch {torch.__version__}")
    return torch


def contenders(length, size, threads, rng, torch, wanted):
    heads, kv_heads = (8, 8) if size == 64 else (8, 2)
    tensor = lambda h: rng.standard_normal((1, h, length, size)).astype(np.float32)  # noqa: E731
    feeds = {"Q": tensor(heads), "K": tensor(kv_heads), "V": tensor(kv_heads)}
    operations = 4 * heads * length * length * size
    flat = lambda x: np.ascontiguousarray(x.transpose(0, 2, 1, 3).reshape(1, length, -1))  # noqa: E731
    for name, modifier in MODIFIERS.items():
        if name not in wanted:
            continue
        model = flex(modifier, heads, kv_heads, length, size)
        ours = Contender(f"{name}", lower(model), feeds, operations, threads)
        yield ours
        if torch is not None:
            theirs = TorchContender(torch, name, feeds, operations, threads)
            assert np.abs(theirs.output.numpy() - ours.output[0]).max() < 1e-4, f"torch disagrees on {name}"
            yield theirs
        # The expansion holds all scores in memory, several times over.
        if heads * length * length * 4 < 2**30 and name in ("dense", "causal", "soft-cap"):
            yield Contender(f"{name}, expanded by ORT", inlined(model), feeds, operations, threads, ops=False)
    peers = {"query": flat(feeds["Q"]), "key": flat(feeds["K"]), "value": flat(feeds["V"])}
    if heads == kv_heads and "dense" in wanted:
        yield Contender("dense, ORT MultiHeadAttention", contrib("MultiHeadAttention", heads, kv_heads, length, size, num_heads=heads), peers, operations, threads, ops=False)
    if "causal" not in wanted:
        return
    gqa = peers | {"seqlens": np.int32([length - 1]), "total": np.int32([length])}
    model = contrib("GroupQueryAttention", heads, kv_heads, length, size, num_heads=heads, kv_num_heads=kv_heads)
    yield Contender("causal, ORT GroupQueryAttention", model, gqa, operations, threads, ops=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--length", type=int, action="append")
    parser.add_argument("--head-size", type=int, action="append")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--row", action="append", choices=MODIFIERS, help="with its peers; the default is all")
    parser.add_argument("--append-path", action="append", default=[])
    options = parser.parse_args()
    sys.path += options.append_path
    rng = np.random.default_rng(1)
    commit = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    print(f"{cpu}, {os.cpu_count()} cores; onnxruntime {harness.ort.__version__}; commit {commit}; {options.threads} thread(s), {options.rounds} rounds")
    if options.threads > 1:
        harness.ort.set_global_thread_pool_sizes(options.threads, 1)
    torch = find_torch(options.threads)
    over_torch = []
    square = {"A": rng.standard_normal((2048, 2048)).astype(np.float32), "B": rng.standard_normal((2048, 2048)).astype(np.float32)}
    for size in options.head_size or [64, 128]:
        for length in options.length or [512, 2048]:
            base = Contender("SGEMM", gemm(), square, 2 * 2048**3, options.threads, ops=False)
            rows = [base, *contenders(length, size, options.threads, rng, torch, options.row or list(MODIFIERS))]
            for _ in range(options.rounds):
                for row in rows:
                    row.once()
            print(f"\nD {size}, L = S = {length}: GFLOP/s dense-equivalent, ratio to SGEMM, ms (10th to 90th percentile)")
            for row in rows:
                print(f"  {row.name:34} {row.rate():7.0f} {row.rate() / base.rate():6.2f}  {row.spread()}", flush=True)
            rates = {row.name: row.rate() for row in rows}
            over_torch += [rates[name] / rates[f"{name}, torch.compile"] for name in MODIFIERS if name != "dense" and f"{name}, torch.compile" in rates]
    if over_torch:
        mean = math.exp(sum(map(math.log, over_torch)) / len(over_torch))
        print(f"\nrows with a modifier: {mean:.2f} times torch.compile(flex_attention) in the geometric mean of {len(over_torch)}")


if __name__ == "__main__":
    main()
