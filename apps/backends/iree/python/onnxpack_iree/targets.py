"""From a target to flags of iree-compile, to what the blob then needs, and to how it is run."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from . import cpu
from .protocol import Json, Refused

EP = "onnxpack.iree"

TRIPLES = {
    "amd64": "x86_64-unknown-linux-gnu",
    "arm64": "aarch64-unknown-linux-gnu",
    "riscv64": "riscv64-unknown-linux-gnu",
}

# Settings of a target's backend_options.iree, by target_backend.
SETTINGS = {
    "llvm-cpu": {"target_triple", "target_cpu", "target_cpu_features", "target_abi"},
    "vulkan-spirv": {"vulkan_target"},
    "cuda": {"cuda_target"},
    "rocm": {"rocm_target"},
    "metal-spirv": set(),
}

# NVIDIA architectures that this release makes no code for -> the newest older one that it does. What IREE writes is PTX,
# which the driver translates for any newer GPU.
PTX_STANDS_IN = {"sm_90": "sm_89", "sm_90a": "sm_89"}
CUDA_NAMES = {"sm_89": "ada"}

# Timeline semaphores, synchronization2 and scalar block layout: what 3.13's Vulkan driver wants of loader and device.
LEAST_VULKAN = "1.3"


@dataclass
class Plan:
    """What a target means to this backend."""

    backend: str  # IREE's target backend
    device: str  # "cpu", "gpu"
    driver: str  # the runtime's HAL driver
    flags: list[str]
    requirements: list[Json] = field(default_factory=list)
    compatibility: dict[str, list[str]] = field(default_factory=dict)
    needs: Json = field(default_factory=dict)  # what `run` must find on the machine
    portable_vulkan: bool = False  # no GPU named: vulkan.py makes code that suits any
    notes: list[str] = field(default_factory=list)


def plan(target: Json, runtime_version: str) -> Plan:
    """Errors: refused for settings that are missing, unknown, or name what IREE cannot compile for."""
    name = target.get("name", "")
    settings = target.get("backend_options", {}).get("iree")
    if not isinstance(settings, dict):
        raise Refused(
            f"target '{name}' has no settings for iree",
            hint='give the target "backend_options": {"iree": {"target_backend": "llvm-cpu", "target_cpu": ...}}',
            stage="prepare",
        )
    backend = settings.get("target_backend", "")
    if backend not in SETTINGS:
        raise Refused(
            f"target '{name}': iree.target_backend is {backend!r}, expected one of {', '.join(SETTINGS)}", stage="prepare"
        )
    unknown = sorted(set(settings) - SETTINGS[backend] - {"target_backend"})
    if unknown:
        raise Refused(
            f"target '{name}': iree.{unknown[0]} is not a setting of {backend}",
            hint=f"settings: {', '.join(sorted(SETTINGS[backend])) or 'none'}",
            stage="prepare",
        )
    make = {"llvm-cpu": _cpu, "vulkan-spirv": _vulkan, "cuda": _cuda, "rocm": _rocm, "metal-spirv": _metal}[backend]
    out = make(name, target.get("facts", {}), {key: str(value) for key, value in settings.items()})
    # A profile states no runtimes, and what a target does not state fails closed: there the compatibility string asks alone.
    if "runtime.iree" in target.get("facts", {}):
        oldest = ".".join(runtime_version.split(".")[:2])
        out.requirements.append({"feature": "runtime.iree", "version": [f">={oldest}"]})
    out.compatibility["runtime.iree"] = [runtime_version]
    return out


def _require(out: Plan, feature: str, test: str, values: list[str]) -> None:
    out.requirements.append({"feature": feature, test: values})
    out.compatibility[feature] = values


def _cpu(name: str, facts: Json, settings: dict[str, str]) -> Plan:
    arch = (facts.get("arch.name") or [""])[0]
    triple = settings.get("target_triple") or TRIPLES.get(arch)
    if not triple:
        raise Refused(
            f"target '{name}': no iree.target_triple, and arch.name is {arch or 'not stated'}",
            hint=f'state "arch.name" as one of {", ".join(TRIPLES)}, or set "target_triple"',
            stage="prepare",
        )
    arch = arch or cpu.MACHINES.get(triple.partition("-")[0], "")
    flags = [
        "--iree-hal-target-device=local",
        "--iree-hal-local-target-device-backends=llvm-cpu",
        f"--iree-llvmcpu-target-triple={triple}",
        f"--iree-llvmcpu-target-cpu={settings.get('target_cpu') or 'generic'}",
    ]
    for setting, flag in (("target_cpu_features", "cpu-features"), ("target_abi", "abi")):
        if settings.get(setting):
            flags.append(f"--iree-llvmcpu-target-{flag}={settings[setting]}")
    out = Plan("llvm-cpu", "cpu", "local", flags)
    # No os.name: the code is an ELF of IREE's own kind, which its runtime loads on any system.
    if arch:
        _require(out, "arch.name", "any_of", [arch])
    features = list(facts.get("cpu.features", []))
    promised: set[str] = set()
    for ladder in cpu.PROMISES:
        step = cpu.highest_step(ladder, facts.get(ladder, []))
        if step:
            _require(out, ladder, "any_of", [step])
            promised = cpu.promised(ladder, step)
    beyond = sorted(set(features) - promised)
    if beyond:
        _require(out, "cpu.features", "all_of", beyond)
    if facts.get("riscv64.extensions"):
        _require(out, "riscv64.extensions", "all_of", list(facts["riscv64.extensions"]))
    out.needs = {"arch": arch, "cpu_features": sorted(set(features) | promised)}
    return out


def _gpu(driver: str, backend: str, facts: Json, flags: list[str], any_vendor: bool = False) -> Plan:
    out = Plan(backend, "gpu", driver, [f"--iree-hal-target-device={driver}", *flags])
    out.requirements.append({"feature": "accelerator.class", "any_of": ["gpu"]})
    if facts.get("accelerator.vendor") and not any_vendor:
        out.requirements.append({"feature": "accelerator.vendor", "any_of": facts["accelerator.vendor"][:1]})
    return out


def _release(version: str) -> tuple[int, int]:
    """Major and minor of what a target may state: 1.3, v1.3, 1.3.289+mesa."""
    found = re.match(r"\s*v?(\d+)(?:\.(\d+))?", version)
    return (int(found[1]), int(found[2] or 0)) if found else (0, 0)


def _vulkan(name: str, facts: Json, settings: dict[str, str]) -> Plan:
    chosen = settings.get("vulkan_target")
    flags = [f"--iree-vulkan-target={chosen}"] if chosen else []
    out = _gpu("vulkan", "vulkan-spirv", facts, flags, any_vendor=not chosen)
    out.portable_vulkan = not chosen
    stated = (facts.get("vulkan.version") or [LEAST_VULKAN])[0]
    if _release(stated) < _release(LEAST_VULKAN):
        raise Refused(
            f"target '{name}' states vulkan.version {stated}, and IREE's runtime opens devices of {LEAST_VULKAN} and newer",
            stage="prepare",
        )
    # What the code itself needs is less, and no more where the target's device has more.
    out.requirements.append({"feature": "vulkan.version", "version": [f">={LEAST_VULKAN}"]})
    out.compatibility["vulkan.version"] = [LEAST_VULKAN]
    return out


def _cuda(name: str, facts: Json, settings: dict[str, str]) -> Plan:
    asked = settings.get("cuda_target") or "sm_80"
    asked = {code: sm for sm, code in CUDA_NAMES.items()}.get(asked, asked)
    made = PTX_STANDS_IN.get(asked, asked)
    number = re.fullmatch(r"sm_(\d+)a?", made)
    out = _gpu("cuda", "cuda", facts, [f"--iree-cuda-target={CUDA_NAMES.get(made, made)}"])
    if made != asked:
        out.notes.append(f"{asked}: this IREE makes no code for it; made PTX for {made}, which the driver translates")
    if number:
        _require(out, "nvidia.sm_arch", "any_of", [f"{number[1]}_virtual"])
    return out


def _rocm(name: str, facts: Json, settings: dict[str, str]) -> Plan:
    chip = settings.get("rocm_target") or (facts.get("amd.gfx") or [""])[0]
    if not chip:
        raise Refused(f"target '{name}': no iree.rocm_target, and amd.gfx is not stated", stage="prepare")
    out = _gpu("hip", "rocm", facts, [f"--iree-rocm-target={chip}"])
    _require(out, "amd.gfx", "any_of", [chip])
    return out


def _metal(name: str, facts: Json, settings: dict[str, str]) -> Plan:
    ios = facts.get("os.name") == ["ios"]
    out = _gpu("metal", "metal-spirv", facts, ["--iree-metal-target-platform=ios"] if ios else [])
    for feature in ("os.name", "apple.gpu_family"):
        if facts.get(feature):
            _require(out, feature, "any_of", facts[feature][:1])
    if facts.get("metal.version"):
        out.requirements.append({"feature": "metal.version", "version": [f">={facts['metal.version'][0]}"]})
        out.compatibility["metal.version"] = facts["metal.version"][:1]
    return out


def compatibility_string(fields: dict[str, list[str]]) -> str:
    """onnx-pack's own text, version 1: "onnx-pack/1;key=value,value;..." with sorted keys (docs/selection.md)."""

    def escaped(text: str) -> str:
        return "".join(f"%{ord(c):02X}" if c in "%;=" or ord(c) < 0x20 or ord(c) == 0x7F else c for c in text)

    return ";".join(["onnx-pack/1"] + [f"{escaped(key)}={escaped(','.join(fields[key]))}" for key in sorted(fields)])
