"""The accelerators of this machine as IREE's drivers list them (`iree-run-module --dump_devices=DRIVER`), and the facts they make.

Asked of IREE's program and not of the system's own tools: what counts is which device the runtime that will run the
variant finds. In a process of its own, since a driver that crashes must not take the answer along.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from . import child, installation
from .protocol import Events

Facts = dict[str, list[str]]

# PCI vendors, and Khronos' for those that are on no bus; Mesa's software driver is Khronos' 0x10005.
VENDORS = {0x1002: "amd", 0x106B: "apple", 0x10DE: "nvidia", 0x13B5: "arm", 0x1010: "imagination", 0x5143: "qualcomm", 0x8086: "intel"}

# Compute capabilities whose PTX a driver translates for newer GPUs (CUDA C++ Programming Guide). Machine code runs on its own
# major version alone, from its minor version up; not so between desktop and Tegra parts (7.2, 8.7, 10.1), which stand apart.
CAPABILITIES = (50, 52, 60, 61, 70, 75, 80, 86, 89, 90, 100, 103, 120)


@dataclass(frozen=True)
class VulkanDevice:
    name: str
    path: str  # as IREE's runtime names it: GPU-<uuid>
    api: str  # "1.3.277"
    kind: str  # discrete-gpu, integrated-gpu, virtual-gpu, cpu, other
    vendor_id: int
    device_id: int
    driver_info: str
    subgroup: int  # what it takes unless told otherwise; 0: the driver does not say
    smallest_subgroup: int
    largest_subgroup: int
    memory: int  # bytes of its largest heap of its own, 0: unknown
    opens: bool = True  # false: below what IREE's driver asks of a device, which it lists all the same

    @property
    def software(self) -> bool:
        return self.kind == "cpu"

    @property
    def hardware(self) -> bool:
        return self.kind.endswith("-gpu") and self.opens


# A driver that does not answer must not cost the host its other facts: a whole probe has 30 s.
LONGEST_SECONDS = 6.0


def dump(driver: str, events: Events) -> str:
    """What IREE prints of the driver's devices; empty where there is no driver, or none that answers in time."""
    runner = installation.program("iree-run-module")
    if runner is None:
        return ""
    finished = child.run([runner, f"--dump_devices={driver}"], events, seconds=LONGEST_SECONDS)
    return finished.output if finished.code == 0 else ""


def vulkan_devices(events: Events) -> list[VulkanDevice]:
    """In the driver's order."""
    return [_vulkan(part) for part in re.split(r"^(?=name: )", dump("vulkan", events), flags=re.MULTILINE)[1:]]


def chosen(found: list[VulkanDevice]) -> VulkanDevice | None:
    """The device that variants run on: the first that is hardware. A software driver is in the list of many a machine with a
    GPU, and not always behind it; where the GPU does not open it is what there is."""
    return min(found, key=lambda device: (not device.hardware, not device.opens), default=None)


def _vulkan(text: str) -> VulkanDevice:
    def field(name: str) -> str:
        found = re.search(rf"^{name}: *(.*)$", text, re.MULTILINE)
        return found[1].strip() if found else ""

    def number(pattern: str, base: int = 10) -> int:
        found = re.search(pattern, text, re.MULTILINE)
        return int(found[1], base) if found else 0

    heaps = re.findall(r"^ *\[\d+\] size=(\d+) flags=(0x[0-9a-f]+)$", text, re.MULTILINE)
    return VulkanDevice(
        name=field("name"),
        path=field("path"),
        api=field("api"),
        kind=field("type"),
        vendor_id=number(r"^vendor_id: 0x([0-9a-f]+)", 16),
        device_id=number(r"^device_id: 0x([0-9a-f]+)", 16),
        driver_info=field("driver_info"),
        subgroup=number(r"^subgroup: size=(\d+)"),
        smallest_subgroup=number(r"minSubgroupSize=(\d+)"),
        largest_subgroup=number(r"maxSubgroupSize=(\d+)"),
        memory=max((int(size) for size, flags in heaps if int(flags, 16) & 1), default=0),  # 1: VK_MEMORY_HEAP_DEVICE_LOCAL_BIT
        opens=re.search(r"^feature_tier\[.*\]: unsupported", text, re.MULTILINE) is None,
    )


def vulkan_facts(device: VulkanDevice) -> Facts:
    """Empty for a software driver: a class and a version would draw variants to it, and any CPU variant is faster. And for a
    GPU that does not open."""
    if not device.hardware:
        return {}
    facts: Facts = {"accelerator.class": ["gpu"], "vulkan.device": [f"{device.vendor_id:04x}:{device.device_id:04x}"]}
    if re.fullmatch(r"\d+(\.\d+)*", device.api):
        facts["vulkan.version"] = [device.api]
    vendor = VENDORS.get(device.vendor_id)
    if vendor:
        facts["accelerator.vendor"] = [vendor]
    if vendor == "nvidia" and re.fullmatch(r"\d+(\.\d+)+", device.driver_info):
        facts["nvidia.driver"] = [device.driver_info]
    sizes = [size for size in (1 << i for i in range(8)) if device.smallest_subgroup <= size <= device.largest_subgroup]
    if sizes:
        facts["vulkan.subgroup_size"] = [str(size) for size in sorted(sizes, key=lambda size: size != device.subgroup)]
    if device.memory:
        facts["memory.device_bytes"] = [str(device.memory)]
    return facts


def cuda_facts(text: str) -> Facts:
    """Of the first device that `dump("cuda")` lists, which is the one that IREE's runtime opens."""
    found = re.search(r"^- gpu-compute-capability: (\d+)\.(\d+)$", text, re.MULTILINE)
    if found is None:
        return {}
    own = 10 * int(found[1]) + int(found[2])
    older = [number for number in reversed(CAPABILITIES) if number < own]
    machine_code = [own] + [number for number in older if number // 10 == own // 10 and own in CAPABILITIES]
    return {
        "accelerator.class": ["gpu"],
        "accelerator.vendor": ["nvidia"],
        "nvidia.sm_arch": [f"{number}_real" for number in machine_code] + [f"{number}_virtual" for number in [own, *older]],
    }


def hip_facts(text: str) -> Facts:
    """Of the first device of `dump("hip")`; features after a colon (sramecc, xnack) are no part of the name."""
    found = re.search(r"^- gpu-arch-name: (gfx[0-9a-f]+)", text, re.MULTILINE)
    return {} if found is None else {"accelerator.class": ["gpu"], "accelerator.vendor": ["amd"], "amd.gfx": [found[1]]}
