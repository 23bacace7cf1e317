"""`describe`: what this backend is. Answers without importing IREE, and whether or not IREE is there."""

from __future__ import annotations

from . import installation, options, targets
from .protocol import PROTOCOL, Json


def describe() -> Json:
    found = installation.find()
    reason = found.reason()
    out: Json = {
        "name": "iree",
        "description": "IREE: x86-64, aarch64 and riscv64 CPUs, Vulkan, CUDA, ROCm and Metal GPUs from any machine",
        "protocol": {"min": PROTOCOL, "max": PROTOCOL},
        "verbs": ["describe", "plan", "compile", "run", "probe"],
        "versions": {"backend": installation.own_digest(), **found.versions},
        "ep": targets.EP,
        "serves": [{"family": "targets with IREE code generation settings", "wants_backend_options": True}],
        "options": options.describe(),
        "needs": [need(found, name) for name in installation.NEEDED],
        "deterministic": True,  # tests/backends/iree/determinism_test.py
        "available": not reason or found.runs,
    }
    if reason and found.runs:
        out["compiles"] = False
    if reason:
        out |= {"reason": reason, "hint": installation.hint()}
    return out


def need(found: installation.Installation, name: str) -> Json:
    version = found.versions.get(name)
    if version:
        return {"name": name, "found": True, "where": version}
    return {"name": name, "found": False, "how": installation.hint()}
