"""The benches by name. Each prints its method and its figures and returns them as JSON."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import large
import measure
import pack
import selection
import sizes
import startup
import ternary_model
import variants

BENCHES = {
    "startup": startup.bench,
    "pack": pack.bench,
    "large": large.bench,
    "sizes": sizes.bench,
    "variants": variants.bench,
    "selection": selection.bench,
    "ternary-model": ternary_model.bench,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests/bench/run.sh")
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--build", type=Path, default=Path("build/release"))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--scratch", type=Path, help="where large files go; default: the temporary folder")
    parser.add_argument("--layers", type=int, default=1, help="of ternary-model: 30 is the whole of bitnet-b1.58-2B-4T, 12 GB of disk and minutes")
    arguments = parser.parse_args()
    if arguments.list:
        for name, bench in BENCHES.items():
            print(f"{name:<13} {sys.modules[bench.__module__].__doc__.splitlines()[0]}")
        return 0
    unknown = [n for n in arguments.names if n not in BENCHES]
    if unknown:
        parser.error(f"no bench {unknown[0]}; there are {', '.join(BENCHES)}")

    facts = measure.machine()
    print(f"machine: {facts['cpu']}, {facts['cores']} cores, Linux {facts['kernel']}, load {facts['load']:.2f}")
    if facts["load"] > 0.5:
        print("warning: the machine is busy; trust the ratios only")
    results = {"machine": facts}
    for name in arguments.names or BENCHES:
        print(f"\n== {name}")
        with tempfile.TemporaryDirectory(prefix="onnxpack-bench-", dir=arguments.scratch) as scratch:
            options = {"layers": arguments.layers} if name == "ternary-model" else {}
            results[name] = BENCHES[name](arguments.build.resolve(), Path(scratch), **options)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")
        print(f"\nwritten: {arguments.json}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
