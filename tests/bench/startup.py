"""Start-up and the commands that must feel instant: --version, --help, inspect, select --dry-run.

Method: whole processes, in turns, 30 runs after 2; `true` shows what starting any process costs here. Bar of the project: 50 ms.
"""

from __future__ import annotations

from pathlib import Path

import measure
import models


def bench(build: Path, scratch: Path) -> dict:
    program = build / "bin" / "onnx-pack"
    model = models.external_model(scratch / "m", 64 << 20)
    package = scratch / "p.onnxpkg"
    measure.run_once([[program, "build", model, "--backend", "none", "-o", package]])
    commands = {
        "true": ["true"],
        "--version": [program, "--version"],
        "--help": [program, "--help"],
        "inspect package": [program, "inspect", package],
        "inspect model": [program, "inspect", model],
        "select --dry-run": [program, "select", package, "--target", "x86-64-v3", "--dry-run"],
    }
    for name, path in models.real_models(Path(__file__).resolve().parents[2]).items():
        if "det" in name:
            commands[f"inspect {name}"] = [program, "inspect", path]
    series = measure.in_turns(30, {n: (lambda c=c: [c]) for n, c in commands.items()}, warmup=2)
    measure.print_series(series)
    missed = [n for n, s in series.items() if s.summary()["median_s"] > 0.050]
    print("  bar 50 ms: " + ("met by all" if not missed else "MISSED by " + ", ".join(missed)))
    return {n: s.summary() for n, s in series.items()}
