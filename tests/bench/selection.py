"""Whether select, told what bench measured, takes the fastest: five models, measured again to judge.

Method: `bench --record` gives evidence, `select --evidence` chooses by it. Then a second, independent `bench` judges the choice: every runnable variant and the
original in turns, a process for each turn; figures are the median ratio to the original within a round. The bar: the chosen one is the fastest of the second
measurement or within 5 % of it, and not slower than the original (by more than the 5 % that two equal things may differ by on a busy machine).
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import models
from variants import SHAPES

ROUNDS, RUNS = 7, 15
TOLERANCE = 1.05


def run(program: Path, *arguments: str | Path) -> dict:
    done = subprocess.run([program, *arguments, "--json", "-q"], check=False, capture_output=True, text=True)
    return json.loads(done.stdout)


def measure(program: Path, package: Path, shape: list[str], *more: str | Path) -> dict[str, float]:
    """variant -> ratio to the original, which is 1 and called ''."""
    report = run(program, "bench", package, "--rounds", str(ROUNDS), "--runs", str(RUNS), *shape, *more)
    return {v["variant"]: v["ratio"] or 1.0 for v in report["variants"] if v["status"] == "measured"}


def one_model(program: Path, model: Path, scratch: Path) -> dict | None:
    package, evidence = scratch / f"{model.stem}.onnxpkg", scratch / f"{model.stem}.json"
    shape = ["--input-shape", SHAPES[model.stem]] if model.stem in SHAPES else []
    targets = [word for name in ("host", "x86-64-v3") for word in ("--target", name)]
    subprocess.run([program, "build", model, *targets, *shape, "-o", package, "-q"], check=False, capture_output=True)
    if not package.exists():
        print(f"  {model.stem}: not packed; skipped")
        return None
    first = measure(program, package, shape, "--record", evidence)
    selection = run(program, "select", package, "--target", "host", "--evidence", evidence, "--dry-run", *shape)
    chosen = selection["selections"][0]["ladder"][0]["variant"]
    second = measure(program, package, shape)
    fastest = min(second, key=second.get)
    result = {
        "chosen": chosen or "original",
        "fastest": fastest or "original",
        "chosen_ratio": second[chosen],
        "fastest_ratio": second[fastest],
        "first": first,
        "second": second,
        "holds": second[chosen] <= TOLERANCE * second[fastest] and second[chosen] <= TOLERANCE,
    }
    print(
        f"  {model.stem:<34} chosen {result['chosen']:<24} x{second[chosen]:.2f}   fastest {result['fastest']:<24} x{second[fastest]:.2f}"
        f"   {'holds' if result['holds'] else 'DOES NOT HOLD'}"
    )
    return result


def bench(build: Path, scratch: Path) -> dict:
    program = build / "bin" / "onnx-pack"
    root = Path(__file__).resolve().parents[2]
    print(f"  {ROUNDS} rounds of {RUNS} runs; x is the time over the original's, of the second measurement")
    results = {name: one_model(program, path, scratch) for name, path in models.real_models(root).items()}
    judged = [r for r in results.values() if r]
    print(f"  the bar holds for {sum(r['holds'] for r in judged)} of {len(judged)} models")
    return results
