"""CPUs: what a level promises, and what this machine has. Names as in onnx-pack's vocabulary (docs/selection.md)."""

from __future__ import annotations

import platform

# Instruction sets that each step adds: x86-64 psABI levels, Arm architecture versions. Requirements name only what goes
# beyond the step, so that a device described by its level alone still matches.
PROMISES: dict[str, list[tuple[str, str]]] = {
    "x86_64.level": [
        ("v1", "mmx sse sse2"),
        ("v2", "cx16 lahf_lm popcnt sse4_1 sse4_2 ssse3"),
        ("v3", "abm avx avx2 bmi1 bmi2 f16c fma movbe xsave"),
        ("v4", "avx512bw avx512cd avx512dq avx512f avx512vl"),
    ],
    "aarch64.version": [
        ("v8.0", "asimd fp"),
        ("v8.1", "asimdrdm atomics crc32"),
        ("v8.2", "dcpop"),
        ("v8.3", "fcma jscvt lrcpc"),
        ("v8.4", "asimddp flagm uscat"),
        ("v8.5", "frint sb"),
        ("v8.6", "bf16 i8mm"),
        ("v9.0", ""),
        ("v9.1", ""),
        ("v9.2", ""),
    ],
}

MACHINES = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64", "arm64": "arm64", "riscv64": "riscv64"}


def highest_step(ladder: str, values: list[str]) -> str:
    """The highest known step among `values`; empty when there is none."""
    known = [step for step, _ in PROMISES[ladder] if step in values]
    return known[-1] if known else ""


def promised(ladder: str, step: str) -> set[str]:
    out: set[str] = set()
    for name, features in PROMISES[ladder]:
        # v9.0 stands on v8.5, not on v8.6.
        if not (name == "v8.6" and step == "v9.0"):
            out.update(features.split())
        if name == step:
            return out
    return set()


def host_arch() -> str:
    return MACHINES.get(platform.machine(), platform.machine())


def host_features() -> set[str] | None:
    """Instruction sets of this CPU as the kernel names them; None where the system does not say."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                name, _, value = line.partition(":")
                if name.strip().lower() in ("flags", "features"):
                    return set(value.split())
    except OSError:
        pass
    return None
