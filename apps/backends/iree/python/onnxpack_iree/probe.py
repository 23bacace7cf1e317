"""`probe`: what this machine offers to variants of this backend."""

from __future__ import annotations

import re

from . import child, installation
from .protocol import Events, Json

DEVICE = re.compile(r"^name: (.+)$", re.MULTILINE)
API = re.compile(r"^api: (\d+\.\d+)", re.MULTILINE)


def probe(events: Events) -> Json:
    found = installation.find()
    facts: dict[str, list[str]] = {}
    lines: list[str] = []
    if found.runtime_version:
        facts["runtime.iree"] = [found.runtime_version]
        lines.append(f"IREE runtime {found.runtime_version}")
        lines += vulkan(events)
    else:
        lines.append(f"no IREE runtime: {installation.hint()}")
    for arch in installation.EMULATORS:
        runtime, missing, hint = installation.emulated(arch)
        lines.append(
            f"{arch} variants run emulated ({runtime.emulator})" if runtime else f"{arch} variants are not run: {missing}; {hint}"
        )
    return {"facts": facts, "lines": lines}


def vulkan(events: Events) -> list[str]:
    """For people only. A device's class and Vulkan version are facts that would draw Vulkan variants to it, and a software
    driver is slower than any CPU variant: whoever has a GPU states it in the target's file."""
    runner = installation.program("iree-run-module")
    if runner is None:
        return []
    finished = child.run([runner, "--dump_devices=vulkan"], events)
    names, versions = DEVICE.findall(finished.output), API.findall(finished.output)
    if finished.code != 0 or not names:
        return ["no Vulkan device: install the GPU's driver, or Debian's software one (libvulkan1 mesa-vulkan-drivers)"]
    return [f"Vulkan {version} device: {name}" for name, version in zip(names, versions)]
