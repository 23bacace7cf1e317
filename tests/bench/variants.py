"""What a variant buys on this machine: session creation, first run and steady latency of each against the original graph.

Method: `verify` runs the original and every variant, each in a process of its own; the rounds repeat that, so that each pair of figures is a minute
apart at most. Ratios are per round, variant to original of the same round. Same threads, same seeded inputs; numbers are checked in the same run.
"""

from __future__ import annotations

import json
import statistics
import subprocess
from pathlib import Path

import models

ROUNDS = 5
SHAPES = {
    "ch_PP-OCRv4_det_infer": "x:1,3,192,320",
    "ch_PP-OCRv4_rec_infer": "x:1,3,48,320",
    "ch_ppocr_mobile_v2.0_cls_infer": "x:1,3,48,192",
    "magika": "bytes:1,2048",
}
FIGURES = ("session_ms", "first_run_ms", "median_ms")


def verify(program: Path, package: Path) -> dict:
    done = subprocess.run(
        [program, "verify", package, "--runs", "15", "--json"], check=False, capture_output=True, text=True
    )
    return json.loads(done.stdout)


def latencies(report: dict) -> dict[str, dict]:
    return {v["variant"]: v["latency"] for v in report["variants"] if v.get("latency")}


def one_model(program: Path, model: Path, scratch: Path) -> dict:
    package = scratch / f"{model.stem}.onnxpkg"
    command = [program, "build", model, "--target", "host", "--target", "x86-64-v3", "-o", package]
    if model.stem in SHAPES:
        command += ["--input-shape", SHAPES[model.stem]]
    subprocess.run(command, check=False, capture_output=True)
    if not package.exists():
        print(f"  {model.stem}: not packed; skipped")
        return {}
    rounds = [latencies(verify(program, package)) for _ in range(ROUNDS)]
    out: dict = {}
    print(f"  {model.stem}")
    for name in sorted(set().union(*rounds)):
        figures = {}
        for figure in FIGURES:
            values = sorted(r[name][figure] for r in rounds if name in r)
            ratios = sorted(r[name][figure] / r[""][figure] for r in rounds if name in r and "" in r and r[""][figure])
            figures[figure] = {
                "median": statistics.median(values),
                "least": values[0],
                "most": values[-1],
                "ratio": statistics.median(ratios) if ratios else None,
            }
        out[name or "original"] = figures
        row = "   ".join(
            f"{f.removesuffix('_ms')} {v['median']:8.2f} ms ({v['least']:.2f}..{v['most']:.2f}) x{v['ratio']:.2f}"
            for f, v in figures.items()
        )
        print(f"    {name or '(original)':<28} {row}")
    return out


def bench(build: Path, scratch: Path) -> dict:
    program = build / "bin" / "onnx-pack"
    root = Path(__file__).resolve().parents[2]
    print(f"  {ROUNDS} rounds, 15 runs each; x is the ratio to the original graph of the same round")
    return {name: one_model(program, path, scratch) for name, path in models.real_models(root).items()}
