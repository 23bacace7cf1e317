"""Which Vulkan devices a variant is run on: the driver's own words, shortened from iree-run-module --dump_devices=vulkan."""

import unittest
from unittest import mock

import support  # noqa: F401  (finds the modules)
from onnxpack_iree import installation, vulkan
from onnxpack_iree.child import Finished
from onnxpack_iree.protocol import Events, Refused

DUMP = """name: a GPU
api: 1.3.230
subgroup: size={size} operations=0x000000bf quadOperationsInAllStages=no minSubgroupSize={least} maxSubgroupSize={most} stages=0x30
"""


class Devices(unittest.TestCase):
    def check(self, needs: support.Json, size: int, least: int, most: int) -> str:
        """The reason why the device will not do; empty when it does."""
        output = DUMP.format(size=size, least=least, most=most)
        with (
            mock.patch.object(installation, "program", return_value="iree-run-module"),
            mock.patch.object(vulkan.child, "run", return_value=Finished(0, output)),
        ):
            try:
                vulkan.check_device(needs, Events())
            except Refused as refused:
                return refused.reason
        return ""

    def test_portable_code_wants_no_smaller_subgroups(self) -> None:
        needs = {"least_subgroup_size": 8}
        self.assertEqual(self.check(needs, 8, 8, 8), "")
        self.assertEqual(self.check(needs, 32, 32, 32), "")
        self.assertEqual(
            self.check(needs, 4, 4, 4), "the variant is for GPUs with subgroups of at least 8, this device has 4"
        )

    def test_code_for_a_named_gpu_wants_its_sizes(self) -> None:
        needs = {"subgroup_sizes": [32, 64]}
        self.assertEqual(self.check(needs, 64, 32, 64), "")
        self.assertEqual(
            self.check(needs, 8, 8, 16), "the variant is for GPUs with subgroups of 32 or 64, this device has 8 to 16"
        )

    def test_without_needs_or_device_nothing_is_said(self) -> None:
        self.assertEqual(self.check({}, 8, 8, 8), "")
        with mock.patch.object(vulkan.child, "run", return_value=Finished(1, "no loader")):
            vulkan.check_device({"least_subgroup_size": 8}, Events())


if __name__ == "__main__":
    unittest.main()
