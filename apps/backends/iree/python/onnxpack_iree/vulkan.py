"""What Vulkan code assumes of a GPU: the size of its subgroups.

IREE takes threads of one subgroup to run in step, and leaves out barriers between them. Where the device's subgroups are smaller
than the compiler's, values are read before they are written: depthwise convolutions for 64 gave wrong numbers on a device
with 8. And 64, Android's baseline, is what IREE compiles for when no GPU is named; NVIDIA, Intel and Arm GPUs have less.
So a target that names no GPU gets code for 8, which all but a few old GPUs have, and which needs no more of them (the baseline
uses no other subgroup operation); one that names its GPU gets IREE's own settings for it. Neither is run where it does not fit.
"""

from __future__ import annotations

import os
import re

from . import child, devices, installation
from .protocol import Events, Failed, Json, Refused
from .targets import Plan

HOW_TO_GET_A_DEVICE = "install the GPU's Vulkan driver; Debian's software one: apt-get install libvulkan1 mesa-vulkan-drivers"

# For Mesa's software driver only: its LLVM spends minutes on the unrolled loops of a convolution, and the threads that wait for
# it spin. Its speed is nobody's concern.
SOFTWARE_ENVIRONMENT = {"GALLIVM_PERF": "nopt"}

FEATURE = "vulkan.subgroup_size"
PORTABLE_SIZE = 8

EMPTY_MODULE = "func.func @main(%a: tensor<1xf32>) -> tensor<1xf32> { return %a : tensor<1xf32> }\n"
DEVICE = re.compile(r'#hal\.device\.target<"vulkan", \[.*\]> : !hal\.device')
SIZES = re.compile(r"subgroup_size_choices = \[([\d, ]+)\]")


def choose(plan: Plan, target: Json, scratch: str, events: Events) -> str:
    """Settles the subgroup size: the text of the device to compile for (empty: the flags say it), and in `plan` what it needs.
    IREE itself is asked what it would compile for, so that only the size is this backend's word."""
    if plan.driver != "vulkan":
        return ""
    text = device_text(plan, scratch, events)
    found = SIZES.search(text)
    if found is None:
        raise Failed("iree-compile's Vulkan target states no subgroup size", stage="prepare")
    if plan.portable_vulkan:
        plan.flags = []
        plan.needs = {"least_subgroup_size": PORTABLE_SIZE}
        return f"{text[: found.start(1)]}{PORTABLE_SIZE}{text[found.end(1) :]}"
    sizes = [size.strip() for size in found[1].split(",")]
    plan.needs = {"subgroup_sizes": [int(size) for size in sizes]}
    plan.compatibility[FEATURE] = sizes[:1]
    if FEATURE in target.get("facts", {}):
        plan.requirements.append({"feature": FEATURE, "any_of": sizes})
    return ""


def device_text(plan: Plan, scratch: str, events: Events) -> str:
    source = os.path.join(scratch, "empty.mlir")
    with open(source, "w", encoding="ascii") as file:
        file.write(EMPTY_MODULE)
    compiler = installation.program("iree-compile")
    if compiler is None:
        raise Failed("there is no iree-compile beside this Python", installation.hint(), "prepare")
    finished = child.run([compiler, source, *plan.flags, "--compile-to=preprocessing"], events)
    found = DEVICE.search(finished.output)
    if finished.code != 0 or found is None:
        last = (finished.output.strip().splitlines() or ["it said nothing"])[0]
        raise Refused(f"iree-compile does not know this GPU ({' '.join(plan.flags[1:])}): {last[:300]}", stage="prepare")
    return found[0]


def check_device(needs: Json, device: devices.VulkanDevice) -> None:
    """Errors: refused when the device would run the code and get it wrong."""
    least, sizes = needs.get("least_subgroup_size", 0), needs.get("subgroup_sizes", [])
    smallest, largest = device.smallest_subgroup, device.largest_subgroup
    if not largest:
        return  # it does not say, and what it cannot do it refuses
    has = str(smallest) if smallest == largest else f"{smallest} to {largest}"
    if smallest < least:
        raise Refused(
            f"the variant is for GPUs with subgroups of at least {least}, this device has {has}", stage="run"
        )
    if sizes and not any(smallest <= size <= largest for size in sizes):
        raise Refused(
            f"the variant is for GPUs with subgroups of {' or '.join(map(str, sizes))}, this device has {has}",
            hint="build for target vulkan, whose code suits any GPU",
            stage="run",
        )
