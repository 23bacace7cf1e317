"""What iree-compile prints when it fails, in one line that names operator, option or setting."""

from __future__ import annotations

import re

from . import child, targets
from .options import Options
from .protocol import Failed, Refused, Stop

OPERATOR = re.compile(r"failed to legalize operation 'torch\.operator'")
# As text input names it and as bytecode input does.
ONNX_NAME = re.compile(r'(?:torch\.operator |name = )"onnx\.([A-Za-z0-9_.]+)"')
FIRST_ERROR = re.compile(r'^(?:\S+:\d+:\d+: |\S+:\d+: |iree-compile: )?error: (?:loc\("[^"]*"\): )?(.+)$', re.MULTILINE)
UNKNOWN_FLAG = re.compile(r"Unknown command line argument '([^']+)'")


def compile_failed(finished: child.Finished, target: targets.Plan, dynamic: list[str], options: Options) -> Stop:
    output = finished.output
    if finished.code < 0:
        return Failed(
            f"iree-compile was ended by {finished.signal_name}", hint=shape_hint(dynamic), stage="compile"
        )
    flag = UNKNOWN_FLAG.search(output)
    if flag:
        return Refused(f"iree-compile has no flag {flag[1]}", hint="it comes from option iree.flags", stage="compile")
    found = FIRST_ERROR.search(output)
    reason = found[1].strip() if found else last_line(output)
    if OPERATOR.search(output):
        name = ONNX_NAME.search(output, found.start() if found else 0)
        what = f"IREE cannot lower operator {name[1]}" if name else reason
        return Refused(what, hint=shape_hint(dynamic) or "another backend may serve this target", stage="compile")
    if "missing GPU target" in reason:
        return Refused(f"iree-compile does not know this GPU ({' '.join(target.flags[1:])})", stage="compile")
    if "stack allocation" in output and options.opt_level in ("O2", "O3"):
        return Failed(reason, hint=f"iree.opt_level=O1 (this was {options.opt_level})", stage="compile")
    kind = Refused if dynamic else Failed
    return kind(f"iree-compile: {reason[:400]}", hint=shape_hint(dynamic), stage="compile")


def shape_hint(dynamic: list[str]) -> str:
    return f"close the open dimensions: {' '.join(dynamic)}" if dynamic else ""


def last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1][:400] if lines else "it said nothing"
