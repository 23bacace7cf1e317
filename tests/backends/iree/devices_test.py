"""Which devices there are, and what they say of the host: the drivers' own words, shortened from iree-run-module --dump_devices."""

import pathlib
import tempfile
import time
import unittest
from unittest import mock

import support  # noqa: F401  (finds the modules)
from onnxpack_iree import devices, installation, probe
from onnxpack_iree.child import Finished
from onnxpack_iree.protocol import Events

SOFTWARE = """name: llvmpipe (LLVM 15.0.6, 256 bits)
path: GPU-6d65
api: 1.3.230
type: cpu
vendor_id: 0x10005
device_id: 0x0000
driver: llvmpipe
driver_info: Mesa 22.3.6 (LLVM 15.0.6)
device_uuid: 6d657361
subgroup: size=8 operations=0xbf quadOperationsInAllStages=no minSubgroupSize=8 maxSubgroupSize=8 requiredSubgroupSizeStages=0x30
memory_heaps: 1
  [0] size=2147483648 flags=0x00000001
memory_types: 1
  [0] heap=0 flags=0x0000000f
"""
INTEGRATED = """name: Intel(R) Graphics
path: GPU-8680
api: 1.3.289
type: integrated-gpu
vendor_id: 0x8086
device_id: 0x7d55
driver_info: Mesa 24.2.8
subgroup: size=32 operations=0xbf quadOperationsInAllStages=no minSubgroupSize=8 maxSubgroupSize=32 requiredSubgroupSizeStages=0x30
memory_heaps: 2
  [0] size=16000000000 flags=0x00000000
  [1] size=8000000000 flags=0x00000001
"""

CAPABILITY = "- gpu-compute-capability: 8.0"


def dumped(**texts: str) -> mock._patch:
    def run(command: list[str], events: Events, seconds: float) -> Finished:
        text = texts.get(command[1].partition("=")[2], "")
        return Finished(0, text) if text else Finished(1, "UNAVAILABLE; no such library")

    return mock.patch.object(devices.child, "run", side_effect=run)


@mock.patch.object(installation, "program", return_value="iree-run-module")
class Vulkan(unittest.TestCase):
    def found(self, text: str) -> list[devices.VulkanDevice]:
        with dumped(vulkan=text):
            return devices.vulkan_devices(Events())

    def test_hardware_goes_before_a_software_driver(self, _: mock.Mock) -> None:
        for text in (SOFTWARE + INTEGRATED, INTEGRATED + SOFTWARE):
            found = self.found(text)
            self.assertEqual({device.path for device in found}, {"GPU-6d65", "GPU-8680"})
            self.assertEqual(devices.chosen(found).path, "GPU-8680")
        self.assertEqual(devices.chosen(self.found(SOFTWARE)).path, "GPU-6d65")
        self.assertIsNone(devices.chosen(self.found("")))

    def test_a_gpu_that_does_not_open_is_none(self, _: mock.Mock) -> None:
        old = INTEGRATED.replace("api: 1.3.289", "api: 1.2.131\nfeature_tier[vulkan-1.3]: unsupported")
        found = self.found(old + SOFTWARE)
        self.assertEqual(devices.chosen(found).path, "GPU-6d65")
        self.assertEqual(devices.vulkan_facts(found[0]), {})
        self.assertIn("runs nothing", probe.remark(found[0]))
        self.assertEqual(devices.chosen(self.found(old)).path, "GPU-8680")  # refused when it is opened, with the driver's word

    def test_facts_of_a_gpu(self, _: mock.Mock) -> None:
        self.assertEqual(
            devices.vulkan_facts(self.found(INTEGRATED)[0]),
            {
                "accelerator.class": ["gpu"],
                "accelerator.vendor": ["intel"],
                "vulkan.version": ["1.3.289"],
                "vulkan.device": ["8086:7d55"],
                "vulkan.subgroup_size": ["32", "8", "16"],
                "memory.device_bytes": ["8000000000"],
            },
        )

    def test_a_software_driver_draws_no_variants(self, _: mock.Mock) -> None:
        self.assertEqual(devices.vulkan_facts(self.found(SOFTWARE)[0]), {})

    def test_a_driver_that_says_little_makes_few_facts(self, _: mock.Mock) -> None:
        device = self.found("name: a phone's\npath: GPU-0\ntype: integrated-gpu\nvendor_id: 0x13b5\ndevice_id: 0x1\n")[0]
        self.assertEqual((device.api, device.memory, device.largest_subgroup), ("", 0, 0))
        facts = devices.vulkan_facts(device)
        self.assertEqual(facts, {"accelerator.class": ["gpu"], "accelerator.vendor": ["arm"], "vulkan.device": ["13b5:0001"]})


class Slow(unittest.TestCase):
    def test_a_driver_that_does_not_answer_is_none(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            runner = pathlib.Path(folder, "iree-run-module")
            runner.write_text(f"#!/bin/sh\necho '{CAPABILITY}'\nexec sleep 60\n")
            runner.chmod(0o755)
            with (
                mock.patch.object(installation, "program", return_value=str(runner)),
                mock.patch.object(devices, "LONGEST_SECONDS", 0.3),
            ):
                began = time.monotonic()
                self.assertEqual(devices.dump("cuda", Events()), "")
                self.assertLess(time.monotonic() - began, 30)  # it was killed, not waited for
            runner.write_text(f"#!/bin/sh\necho '{CAPABILITY}'\n")
            with mock.patch.object(installation, "program", return_value=str(runner)):
                self.assertIn(CAPABILITY, devices.dump("cuda", Events()))


class Others(unittest.TestCase):
    def sm(self, capability: str) -> list[str]:
        return devices.cuda_facts(f"- gpu-compute-capability: {capability}\n")["nvidia.sm_arch"]

    def test_cuda_runs_code_of_its_major_version_and_ptx_of_all_before(self) -> None:
        ada = "89_real 86_real 80_real 89_virtual 86_virtual 80_virtual 75_virtual 70_virtual 61_virtual 60_virtual 52_virtual 50_virtual"
        self.assertEqual(self.sm("8.9"), ada.split())
        self.assertEqual(self.sm("9.0")[:4], ["90_real", "90_virtual", "89_virtual", "86_virtual"])
        self.assertEqual(self.sm("8.7")[:3], ["87_real", "87_virtual", "86_virtual"])  # Orin runs no desktop part's code
        self.assertEqual(devices.cuda_facts(""), {})

    def test_hip_names_the_architecture(self) -> None:
        facts = devices.hip_facts("- gpu-compute-capability: 9.4\n- gpu-arch-name: gfx942:sramecc+:xnack-\n")
        self.assertEqual(facts["amd.gfx"], ["gfx942"])
        self.assertEqual(devices.hip_facts("- gpu-compute-capability: 9.4\n"), {})


@mock.patch.object(installation, "program", return_value="iree-run-module")
@mock.patch.object(installation, "find", return_value=installation.Installation({"iree-base-runtime": "3.13.0"}))
class Probe(unittest.TestCase):
    def test_drivers_add_up(self, *_: mock.Mock) -> None:
        nvidia = INTEGRATED.replace("0x8086", "0x10de").replace("Mesa 24.2.8", "580.159.04")
        with dumped(vulkan=SOFTWARE + nvidia, cuda="# --device=cuda://GPU-1\n#   a GPU\n- gpu-compute-capability: 8.0\n"):
            answer = probe.probe(Events())
        facts = answer["facts"]
        self.assertEqual(facts["accelerator.class"], ["gpu"])
        self.assertEqual(facts["accelerator.vendor"], ["nvidia"])
        self.assertEqual(facts["nvidia.driver"], ["580.159.04"])
        self.assertEqual(facts["nvidia.sm_arch"][0], "80_real")
        self.assertIn("CUDA device: a GPU (80)", answer["lines"])
        self.assertTrue(any("software driver" in line for line in answer["lines"]))

    def test_without_drivers_there_is_no_gpu(self, *_: mock.Mock) -> None:
        for text in ("", SOFTWARE):
            with dumped(vulkan=text):
                self.assertEqual(probe.probe(Events())["facts"], {"runtime.iree": ["3.13.0"]})


if __name__ == "__main__":
    unittest.main()
