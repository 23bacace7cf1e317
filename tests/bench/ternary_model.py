"""A decoder in the layer shapes of bitnet-b1.58-2B-4T as one package: bits per ternary weight, what further forms cost, building, and tokens per second.

Method: examples/ternary/make_decoder.py makes it (random weights, 69.5 million per layer; --layers 30 is the whole: 8.4 GB, and 3 GB of packages and variants beside
them); `build --ternarize --compact` packs it with all forms; `remove` takes forms away, which gives the file that building without them gives. Sizes are exact. Bits are those of all
that is not embedding and head: graphs, scales, index and padding too. Bars: 10:8 alone 1.605 bits; 2 bits and the portable form beside it 1 % more. Memory is onnx-pack's own and, apart,
that of the largest process (ONNX Runtime compiling). Then each variant is taken out, and decode.py must get the same tokens from 10:8, 2 bits and the portable
form; the last has more than four layers decoded for every token, since ONNX Runtime takes 28 bytes a weight to decode them beforehand.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import measure

TARGET, STEM = "x86-64-v4", "x86-64-v4-onnxruntime"
KINDS = ("t5r", "u2", "portable", "standard")
HIDDEN, KV, FFN, VOCABULARY = 2560, 640, 6912, 2048
EXAMPLES = Path(__file__).resolve().parents[2] / "examples/ternary"
BITS_BAR, FORMS_BAR, MEMORY_BAR = 1.605, 0.01, 300 << 20


def own_peak(pid: int, out: list[int]) -> None:
    """The most that the process itself held, as far as it can be read before it ends."""
    while True:
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            return
        found = re.search(r"VmHWM:\s+(\d+)", status)
        if not found:
            return
        out[0] = int(found[1]) * 1024
        time.sleep(0.02)


def build_package(program: Path, model: Path, package: Path, environment: dict) -> dict:
    wanted = [f"--ternarize={TARGET}={kind}" for kind in KINDS]
    command = [program, "build", model, "-t", TARGET, "--backend", "onnxruntime", *wanted, "--compact", "-o", package, "-q"]
    begin = time.perf_counter()
    child = subprocess.Popen(list(map(str, command)), env=environment, stdout=subprocess.DEVNULL)
    peak = [0]
    watcher = threading.Thread(target=own_peak, args=(child.pid, peak))
    watcher.start()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    watcher.join()
    if child.returncode != 0:
        raise RuntimeError(f"build: exit {child.returncode}")
    return {"seconds": time.perf_counter() - begin, "own_peak_bytes": peak[0], "largest_peak_bytes": usage.ru_maxrss * 1024}


def sizes(program: Path, package: Path, scratch: Path) -> dict:
    """Kinds in the package -> its bytes."""
    out = {KINDS: package.stat().st_size}
    for count in (3, 2, 1):
        smaller = scratch / "fewer.onnxpkg"
        gone = [f"{STEM}-{kind}" for kind in KINDS[count:]]
        subprocess.run([program, "remove", package, *gone, "-o", smaller, "--force", "-q"], check=True, capture_output=True)
        out[KINDS[:count]] = smaller.stat().st_size
    return out


def report_sizes(size: dict, weights: int) -> dict:
    dense = 4 * VOCABULARY * HIDDEN * 2  # embedding and head
    codes = size[KINDS[:1]] - dense
    bits = 8 * codes / weights
    more = (size[KINDS[:3]] - size[KINDS[:1]]) / codes
    standard = (size[KINDS] - size[KINDS[:3]]) / codes
    verdicts = ["met" if value <= bar else "MISSED" for value, bar in ((bits, BITS_BAR), (more, FORMS_BAR))]
    print(f"  10:8 alone: {bits:.4f} bits per ternary weight, all but embedding and head (bar {BITS_BAR}: {verdicts[0]})")
    print(f"  2 bits and the portable form: {100 * more:.2f} % more (bar {100 * FORMS_BAR:.0f} %: {verdicts[1]}); the standard form: {100 * standard:.2f} %")
    return {"bits_per_weight": bits, "u2_and_portable_more": more, "standard_more": standard}


def decode(build: Path, graphs: dict[str, Path], *flags: str) -> dict[str, tuple[float, list[str]]]:
    command = [sys.executable, EXAMPLES / "decode.py", "--ops", build / "lib/libonnxpack_ops.so", *flags, *graphs.values()]
    done = subprocess.run(list(map(str, command)), check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"decode.py: {done.stdout}{done.stderr}")
    lines = [re.fullmatch(r".*: (\S+) tokens/s, (.*)", line) for line in done.stdout.splitlines()]
    return {kind: (float(line[1]), line[2].split()) for kind, line in zip(graphs, filter(None, lines))}


def bench(build: Path, scratch: Path, layers: int = 1) -> dict:
    program = build / "bin" / "onnx-pack"
    model, package = scratch / "decoder.onnx", scratch / "decoder.onnxpkg"
    environment = os.environ | {"XDG_CACHE_HOME": str(scratch / "cache"), "ONNXPACK_OPS_LIBRARY": str(build / "lib/libonnxpack_ops.so")}
    subprocess.run([sys.executable, EXAMPLES / "make_decoder.py", model, "--layers", str(layers)], check=True, capture_output=True)
    weights = layers * HIDDEN * (2 * HIDDEN + 2 * KV + 3 * FFN)
    print(f"  {layers} of 30 layers, {weights / 1e6:.1f} million ternary weights, {model.with_suffix('.data').stat().st_size / 1e6:.0f} MB of floats")
    made = build_package(program, model, package, environment)
    verdict = "met" if made["own_peak_bytes"] <= MEMORY_BAR else "MISSED"
    print(
        f"  build, {len(KINDS)} variants: {measure.milliseconds(made['seconds'])}, {measure.mebibytes(made['own_peak_bytes'])} (bar {measure.mebibytes(MEMORY_BAR)}: "
        f"{verdict}), the largest compiler {measure.mebibytes(made['largest_peak_bytes'])}; the package {package.stat().st_size / 1e6:.0f} MB"
    )
    model.with_suffix(".data").unlink()
    results = made | report_sizes(sizes(program, package, scratch), weights)
    graphs = {}
    for kind in ("t5r", "u2", "portable"):
        out = scratch / kind
        subprocess.run([program, "extract", package, "--variant", f"{STEM}-{kind}", "-o", out, "-q"], check=True, capture_output=True)
        graphs[kind] = out / "graph.onnx"
    portable = {"portable": graphs.pop("portable")}
    found = decode(build, graphs)
    found |= decode(build, portable, *(["--tokens", "2", "--decode-always"] if layers > 4 else []))
    for kind, (speed, tokens) in found.items():
        print(f"  {kind:<8} {speed:.4g} tokens/s, 2 threads: {' '.join(tokens)}")
    shortest = min(len(tokens) for _, tokens in found.values())
    if len({tuple(tokens[:shortest]) for _, tokens in found.values()}) != 1:
        raise RuntimeError("the forms gave different tokens")
    print(f"  the same tokens from all, {shortest} compared with the portable form's")
    return results | {"tokens_per_second": {kind: speed for kind, (speed, _) in found.items()}}
