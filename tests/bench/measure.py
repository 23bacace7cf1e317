"""Times whole commands in turns and says how: centre, spread, machine."""

from __future__ import annotations

import dataclasses
import os
import platform
import statistics
import subprocess
import time
from pathlib import Path
from typing import Callable, Sequence


@dataclasses.dataclass
class Sample:
    seconds: float
    peak_rss: int  # bytes, of the largest single process


@dataclasses.dataclass
class Series:
    name: str
    samples: list[Sample] = dataclasses.field(default_factory=list)

    def seconds(self) -> list[float]:
        return [s.seconds for s in self.samples]

    def summary(self) -> dict:
        t = sorted(self.seconds())
        return {
            "name": self.name,
            "runs": len(t),
            "median_s": statistics.median(t),
            "p10_s": t[len(t) // 10],
            "p90_s": t[(len(t) * 9) // 10 if len(t) > 1 else 0],
            "peak_rss_bytes": max(s.peak_rss for s in self.samples),
        }


def run_once(commands: Sequence[Sequence[str]], cwd: Path | None = None) -> Sample:
    """Starts all commands together and waits for the last: what a job of two tools side by side costs."""
    start = time.perf_counter()
    children = [
        subprocess.Popen(list(map(str, c)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=cwd)
        for c in commands
    ]
    peak = 0
    for child, command in zip(children, commands):
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            raise RuntimeError(f"{' '.join(map(str, command))}: exit {child.returncode}")
        peak = max(peak, usage.ru_maxrss * 1024)
    return Sample(time.perf_counter() - start, peak)


def in_turns(
    runs: int,
    candidates: dict[str, Callable[[], Sequence[Sequence[str]]]],
    before: Callable[[str], None] | None = None,
    warmup: int = 1,
) -> dict[str, Series]:
    """A B C A B C ...: drift of the machine hits all alike. `before` runs untimed ahead of each run."""
    series = {name: Series(name) for name in candidates}
    for turn in range(-warmup, runs):
        for name, commands in candidates.items():
            if before:
                before(name)
            sample = run_once(commands())
            if turn >= 0:
                series[name].samples.append(sample)
    return series


def ratio(a: Series, b: Series) -> dict:
    """Pair by pair, since a pair ran next to each other."""
    pairs = sorted(x / y for x, y in zip(a.seconds(), b.seconds()))
    return {
        "of": a.name,
        "to": b.name,
        "median": statistics.median(pairs),
        "least": pairs[0],
        "most": pairs[-1],
    }


def machine() -> dict:
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "load": os.getloadavg()[0],
    }


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1e3:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def mebibytes(size: int) -> str:
    return f"{size / 2**20:.0f} MiB"


def print_series(series: dict[str, Series]) -> None:
    width = max(len(n) for n in series)
    for name, s in series.items():
        r = s.summary()
        print(
            f"  {name:<{width}}  median {milliseconds(r['median_s']):>9}   "
            f"p10..p90 {milliseconds(r['p10_s'])}..{milliseconds(r['p90_s'])}   "
            f"peak RSS {mebibytes(r['peak_rss_bytes'])}   n={r['runs']}"
        )


def print_ratio(r: dict, bar: float | None = None) -> None:
    verdict = "" if bar is None else (f"   bar {bar}: {'met' if r['median'] <= bar else 'MISSED'}")
    print(f"  {r['of']} / {r['to']}: {r['median']:.2f} (pairs {r['least']:.2f}..{r['most']:.2f}){verdict}")
