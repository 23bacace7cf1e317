#!/usr/bin/env python3
"""Runs the suite on hostile backends: each must fail the case that is about its vice, and a passing expected failure must be noticed."""

import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
HOSTILE = HERE.parent / "support" / "backends"
TARGET = {"name": "anything", "facts": {}}

# backend, case, a part of what the suite says about it
VICES = [
    ("segfault", "compiles", "exit code -11"),
    ("silent", "compiles", "no response"),
    ("malformed", "compiles", "$.variants[0].ep: expected string, found 3"),
    ("escapes", "compiles", "leaves the output folder"),
    ("absolute", "compiles", "leaves the output folder"),
    ("symlink", "compiles", "no regular file"),
    ("lying-digest", "compiles", "digest differs"),
    ("half-written", "compiles", "size differs"),
    ("event-noise", "compiles", "no JSON"),
    ("misnamed", "describe-answers", "calls itself 'good'"),
    ("future", "describe-answers", "describe-response"),
    ("good", "refuses-other-protocols", "exit code 0"),
    ("escapes", "leaves-the-model-alone", "leaves the output folder"),
]


def suite(name, case, settings):
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(settings, file)
        file.flush()
        return subprocess.run([sys.executable, "-B", HERE / "run.py", HOSTILE / f"onnx-pack-backend-{name}", "--settings", file.name,
                               "--only", case], capture_output=True, text=True, check=False)


def main():
    bad = 0

    def check(what, done, code, text):
        nonlocal bad
        if done.returncode != code or text not in done.stdout:
            bad += 1
            print(f"{what}: expected exit code {code} and {text!r}, found {done.returncode}:\n{done.stdout}{done.stderr}")

    for name, case, text in VICES:
        check(f"{name} {case}", suite(name, case, {"target": TARGET}), 1, text)
    check("xfail", suite("segfault", "compiles", {"target": TARGET, "expected_failures": {"compiles": "it crashes"}}), 0, "XFAIL")
    check("xpass", suite("good", "describe-repeats", {"target": TARGET, "expected_failures": {"describe-repeats": "once"}}), 1, "XPASS")
    check("unavailable", suite("unavailable", "compiles", {"target": TARGET}), 77, "libvendor.so.3 was not found")
    check("runs only", suite("runs-only", "compiles", {"target": TARGET}), 77, "libvendor-compiler.so.3 was not found")
    check("part missing, not asked for", suite("lacks-a-part", "compiles", {"target": TARGET}), 1, "libplugin.so was not found")
    check("part missing", suite("lacks-a-part", "compiles", {"target": TARGET, "needs": ["libplugin.so"]}), 77, "apt install plug-in")
    print(f"{len(VICES) + 6 - bad} as expected, {bad} not")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
