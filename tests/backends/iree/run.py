#!/usr/bin/env python3
"""Tests of the iree backend. usage: run.py [PATTERN...]   (patterns as unittest's -k takes them)

Uses the Python that has IREE ($ONNXPACK_IREE_PYTHON, .deps/backends/iree) and goes on without: what needs IREE, an
emulator or a Vulkan driver is then skipped, and says what is missing.
"""

import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]


def main() -> None:
    own = ROOT / ".deps/backends/iree/bin/python"
    python = os.environ.get("ONNXPACK_IREE_PYTHON") or (str(own) if own.exists() else sys.executable)
    patterns = [word for pattern in sys.argv[1:] for word in ("-k", pattern)]
    os.execv(python, [python, "-B", "-m", "unittest", "discover", "-v", "-s", str(HERE), "-p", "*_test.py", *patterns])


if __name__ == "__main__":
    main()
