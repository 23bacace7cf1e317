#!/usr/bin/env python3
"""One suite for every backend program: what docs/backend-protocol.md promises, tried from outside.

    run.py PROGRAM [--target TARGET.json] [--settings backends/NAME.json] [--only CASE] [--list]

Settings (by default backends/NAME.json beside this file) say for one backend: the target to compile for, options, the cases it does not
support and the failures that are expected, each with its reason. An unsupported case is not run; an expected failure is run and breaks
the suite as soon as it passes. BACKEND@ROW.json is one more target of a backend, whose "only" may list the cases that ask about it, and
whose "needs" the parts of the backend (by their names in its description) without which there is nothing to ask.
Exit code 0: as expected, 1: not, 77: the backend is not available here, or compiles nothing (with its reason).
"""

import argparse
import json
import pathlib
import sys
import tempfile

import cases
from harness import Backend, Failure, Skip

HERE = pathlib.Path(__file__).resolve().parent


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=pathlib.Path, nargs="?")
    parser.add_argument("--target", type=pathlib.Path, help="a target file that the backend compiles for")
    parser.add_argument("--settings", type=pathlib.Path)
    parser.add_argument("--only", metavar="CASE")
    parser.add_argument("--list", action="store_true", help="the cases and what each asks")
    out = parser.parse_args()
    if out.program is None and not out.list:
        parser.error("which program?")
    return out


def read_settings(options, name):
    path = options.settings or HERE / "backends" / f"{name}.json"
    settings = json.loads(path.read_text()) if path.exists() else {}
    if options.target:
        settings["target"] = json.loads(options.target.read_text())
    known = {"target", "options", "only", "needs", "unsupported", "expected_failures"}
    known_cases = {case.name for case in cases.ALL}
    for key in settings:
        if key not in known:
            sys.exit(f"{path}: unknown key {key}")
    for key in ("only", "unsupported", "expected_failures"):
        for case in settings.get(key, []):
            if case not in known_cases:
                sys.exit(f"{path}: {key}: there is no case {case}")
    return settings


def run_case(case, backend):
    """("passed" | "failed" | "skipped", text)"""
    with tempfile.TemporaryDirectory(prefix="onnxpack-conformance-") as folder:
        try:
            case.run(backend.in_folder(pathlib.Path(folder)))
        except Failure as failure:
            return "failed", str(failure)
        except Skip as skip:
            return "skipped", str(skip)
    return "passed", ""


def main():
    options = arguments()
    if options.list:
        for case in cases.ALL:
            print(f"{case.name:28} {case.run.__doc__}")
        return 0
    program = options.program.resolve()
    name = program.name.removeprefix("onnx-pack-backend-")
    if not program.exists():
        print(f"{name}: not built here: there is no {program.name}")
        return 77
    settings = read_settings(options, name)
    backend = Backend(program, name, settings)
    unavailable = backend.why_unavailable(settings.get("needs", []))
    if unavailable:
        print(f"{name}: not available here: {unavailable}")
        return 77

    unsupported = settings.get("unsupported", {})
    expected = settings.get("expected_failures", {})
    bad = 0
    for case in cases.ALL:
        if options.only and case.name != options.only or case.name not in settings.get("only", [case.name]):
            continue
        if case.name in unsupported:
            print(f"UNSUPPORTED  {case.name}: {unsupported[case.name]}")
            continue
        result, text = run_case(case, backend)
        if case.name in expected:
            if result == "failed":
                print(f"XFAIL        {case.name}: {expected[case.name]} ({text})")
                continue
            print(f"XPASS        {case.name}: expected to fail ({expected[case.name]}), but {result}: remove it from the list")
            bad += 1
            continue
        print(f"{result.upper():12} {case.name}{': ' + text if text else ''}")
        bad += result == "failed"
    print(f"{name}: {'as expected' if bad == 0 else f'{bad} not as expected'}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
