"""`probe`: what this machine offers to variants of this backend."""

from __future__ import annotations

import re

from . import devices, installation
from .protocol import Events, Json


def probe(events: Events) -> Json:
    found = installation.find()
    facts: devices.Facts = {}
    lines: list[str] = []
    if found.runtime_version:
        facts["runtime.iree"] = [found.runtime_version]
        lines.append(f"IREE runtime {found.runtime_version}")
        for more, said in (vulkan(events), gpu("cuda", events), gpu("hip", events)):
            merge(facts, more)
            lines += said
    else:
        lines.append(f"no IREE runtime: {installation.hint()}")
    for arch in installation.EMULATORS:
        runtime, missing, hint = installation.emulated(arch)
        lines.append(
            f"{arch} variants run emulated ({runtime.emulator})" if runtime else f"{arch} variants are not run: {missing}; {hint}"
        )
    return {"facts": facts, "lines": lines}


def merge(facts: devices.Facts, more: devices.Facts) -> None:
    for feature, values in more.items():
        mine = facts.setdefault(feature, [])
        mine += [value for value in values if value not in mine]


def vulkan(events: Events) -> tuple[devices.Facts, list[str]]:
    """The facts are of the device that variants run on; the lines are of all."""
    found = devices.vulkan_devices(events)
    device = devices.chosen(found)
    if device is None:
        return {}, ["no Vulkan device: install the GPU's driver, or Debian's software one (libvulkan1 mesa-vulkan-drivers)"]
    return devices.vulkan_facts(device), [f"Vulkan {each.api} device: {each.name}{remark(each)}" for each in found]


def remark(device: devices.VulkanDevice) -> str:
    if not device.opens:
        return ", below what IREE's driver asks of a device: runs nothing"
    return ", a software driver: for verify alone" if device.software else ""


def gpu(driver: str, events: Events) -> tuple[devices.Facts, list[str]]:
    text = devices.dump(driver, events)
    facts = devices.cuda_facts(text) if driver == "cuda" else devices.hip_facts(text)
    if not facts:
        return {}, []
    name = re.search(r"^# --device=\w+://.*\n#   (.+)$", text, re.MULTILINE)
    what = facts.get("amd.gfx") or [facts["nvidia.sm_arch"][0].replace("_real", "")]
    return facts, [f"{driver.upper()} device: {name[1].strip() if name else 'of no name'} ({what[0]})"]
