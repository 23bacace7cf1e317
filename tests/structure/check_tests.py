#!/usr/bin/env python3
"""No test is left out and no sample is without its maker. usage: check_tests.py ROOT

- tests/unit/<area>/ mirrors a folder of lib/ or a backend program; its files end in _test.cc or are helpers included by one
- tests/cli/<verb>/<behaviour>.* has its .sh, and nothing lies deeper or higher than the glob that registers them sees
- each folder of tests/data holds (or stands below one which holds) the script that makes its samples
- each corpus has its fuzzer, each fuzzer its corpus
"""

import pathlib
import sys

import tree

MAKERS = ("make*.py", "make*.sh")


def unit(root: pathlib.Path) -> list[str]:
    problems = []
    areas = {folder.name for folder in (root / "lib").iterdir()}
    areas |= {f"backend_{folder.name}" for folder in (root / "apps/backends").glob("*")}
    for folder in sorted((root / "tests/unit").iterdir()):
        if not folder.is_dir():
            problems.append(f"{folder}: stands in no area's folder, so no program has it")
        elif folder.name not in areas:
            problems.append(f"{folder}: there is no lib/{folder.name}")
        elif not list(folder.rglob("*_test.cc")):
            problems.append(f"{folder}: has no *_test.cc")
    return problems


def cli(root: pathlib.Path) -> list[str]:
    problems = []
    base = root / "tests/cli"
    for file in sorted(base.rglob("*")):
        depth = len(file.relative_to(base).parts)
        if not file.is_file() or depth == 1:
            continue
        if depth > 2 or file.suffix not in (".sh", ".stdout", ".stderr", ".exit"):
            problems.append(f"{file}: is no tests/cli/<verb>/<behaviour>.{{sh,stdout,stderr,exit}}")
        elif not file.with_suffix(".sh").is_file():
            problems.append(f"{file}: what should print this? there is no {file.with_suffix('.sh').name}")
    return problems


def samples(root: pathlib.Path) -> tuple[list[str], int]:
    problems, count = [], 0
    base = root / "tests/data"
    for folder in sorted({file.parent for file in base.rglob("*") if file.is_file()}):
        count += 1
        above = [folder, *folder.parents]
        above = above[: above.index(base) + 1]
        if not any(list(place.glob(pattern)) for place in above for pattern in MAKERS):
            problems.append(f"{folder}: no make*.py or make*.sh makes these samples")
    return problems, count


def fuzz(root: pathlib.Path) -> list[str]:
    base = root / "tests/fuzz"
    fuzzers = {file.name.removesuffix("_fuzz.cc") for file in base.glob("*_fuzz.cc")}
    corpora = {folder.name for folder in (base / "corpus").glob("*") if folder.is_dir()}
    return [f"tests/fuzz/corpus/{name}: its fuzzer is missing" for name in sorted(corpora - fuzzers)] + [
        f"tests/fuzz/{name}_fuzz.cc: has no corpus in tests/fuzz/corpus/{name}" for name in sorted(fuzzers - corpora)
    ]


def main() -> int:
    root = tree.root_from_arguments()
    problems, folders = samples(root)
    problems += unit(root) + cli(root) + fuzz(root)
    files = sum(1 for file in (root / "tests").rglob("*") if file.is_file())
    return tree.finish(problems, files if folders else 0)


if __name__ == "__main__":
    sys.exit(main())
