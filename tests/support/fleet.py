#!/usr/bin/env python3
"""Writes the device files of a synthetic fleet: usage: fleet.py FOLDER. The same 100 devices each time; standard library only.

A retailer's: tills and servers of several x86 generations, phones with and without an NPU that is known, boards, machines with
NVIDIA GPUs, an old router that nothing is made for, and five files of which somebody left out the level.
"""

import json
import pathlib
import sys

# name, how many, base profile, facts on top
KINDS = [
    ("till-old", 18, "x86-64-v2", {"os.name": ["linux"]}),
    ("till", 24, "x86-64-v3", {"os.name": ["linux"]}),
    ("server-rome", 6, "zen2", {"os.name": ["linux"]}),
    ("server-genoa", 5, "zen4", {"os.name": ["linux"]}),
    ("server-icelake", 3, "icelake", {"os.name": ["linux"]}),
    ("trainer-a100", 2, "zen3", {"accelerator.class": ["gpu", "cpu"], "accelerator.vendor": ["nvidia"], "nvidia.sm_arch": ["80_real", "80_virtual"]}),
    ("workstation-ada", 2, "zen4", {"accelerator.class": ["gpu", "cpu"], "accelerator.vendor": ["nvidia"],
                                    "nvidia.sm_arch": ["89_real", "86_real", "80_real", "89_virtual", "86_virtual", "80_virtual"]}),
    ("phone-8gen1", 3, "qualcomm-sm8450", {}),
    ("phone-8gen2", 5, "qualcomm-sm8550", {}),
    ("phone-8gen3", 4, "qualcomm-sm8650", {}),
    ("phone-elite", 2, "qualcomm-sm8750", {}),
    ("phone-other", 8, "aarch64-v8.2", {"os.name": ["android"]}),
    ("board", 9, "cortex_a72", {"os.name": ["linux"]}),
    ("router", 4, None, {"arch.name": ["mips64"], "os.name": ["linux"], "accelerator.class": ["cpu"]}),
    ("half-described", 5, None, {"arch.name": ["amd64"], "os.name": ["linux"], "accelerator.class": ["cpu"]}),
]


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True)
    for name, count, base, facts in KINDS:
        for number in range(count):
            target = {"format": "onnx-pack/target", "schema_version": "1.0", "name": name, "facts": facts}
            if base:
                target["base"] = base
            (folder / f"{name}-{number:02}.json").write_text(json.dumps(target, indent=1) + "\n")


main()
