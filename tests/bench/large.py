"""Models larger than memory should be: 8 GiB of external data, and a protobuf just below 2 GiB, in every command that takes them.

Method: each command once, as a process of its own; the figure is its peak resident memory, and that it works at all. Weights are zeros in a
sparse file; the package is not sparse, so 8 GiB of disk are needed for a while. Bar: 300 MiB. `inspect` and `select --dry-run` of the large
package are timed in turns, 20 runs: bars 20 ms and 30 MiB.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import measure
import models

LARGE = 8 << 30
INLINE = 1900 << 20
RSS_BAR = 300 << 20


def bench(build: Path, scratch: Path) -> dict:
    program = build / "bin" / "onnx-pack"
    results = {}
    makers = {
        "8 GiB external": lambda folder: models.external_model(folder, LARGE, sparse=True),
        "1.9 GB inline": lambda folder: models.inline_model(folder, INLINE),
    }
    for name, make in makers.items():
        folder = scratch / "m"
        model = make(folder)
        package, slim, out = scratch / "p.onnxpkg", scratch / "s.onnxpkg", scratch / "out"
        commands = {
            "inspect model": [program, "inspect", model],
            "build": [program, "build", model, "--backend", "none", "-o", package],
            "inspect": [program, "inspect", package],
            "verify": [program, "verify", package, "--integrity-only"],
            "select": [program, "select", package, "--target", "x86-64-v3", "-o", slim],
            "extract": [program, "extract", slim, "--original", "-o", out],
        }
        print(f"  {name}")
        series = {}
        for what, command in commands.items():
            if what == "extract":
                package.unlink()
            series[what] = measure.Series(what, [measure.run_once([command])])
        measure.print_series(series)
        peak = max(s.summary()["peak_rss_bytes"] for s in series.values())
        print(f"  peak RSS {measure.mebibytes(peak)} (bar {measure.mebibytes(RSS_BAR)}: {'met' if peak <= RSS_BAR else 'MISSED'})")
        quick = measure.in_turns(
            20,
            {
                "inspect": lambda: [[program, "inspect", slim]],
                "select --dry-run": lambda: [[program, "select", slim, "--target", "x86-64-v3", "--dry-run"]],
            },
        )
        measure.print_series(quick)
        results[name] = {what: s.summary() for what, s in (series | quick).items()}
        shutil.rmtree(out)
        shutil.rmtree(folder)
        slim.unlink()
    return results
