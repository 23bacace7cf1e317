"""Which Vulkan devices a variant is run on."""

import unittest

import support  # noqa: F401  (finds the modules)
from onnxpack_iree import devices, vulkan
from onnxpack_iree.protocol import Refused


class Devices(unittest.TestCase):
    def check(self, needs: support.Json, least: int, most: int) -> str:
        """The reason why the device will not do; empty when it does."""
        device = devices.VulkanDevice("a GPU", "GPU-0", "1.3.230", "discrete-gpu", 0, 0, "", least, least, most, 0)
        try:
            vulkan.check_device(needs, device)
        except Refused as refused:
            return refused.reason
        return ""

    def test_portable_code_wants_no_smaller_subgroups(self) -> None:
        needs = {"least_subgroup_size": 8}
        self.assertEqual(self.check(needs, 8, 8), "")
        self.assertEqual(self.check(needs, 32, 32), "")
        self.assertEqual(
            self.check(needs, 4, 4), "the variant is for GPUs with subgroups of at least 8, this device has 4"
        )

    def test_code_for_a_named_gpu_wants_its_sizes(self) -> None:
        needs = {"subgroup_sizes": [32, 64]}
        self.assertEqual(self.check(needs, 32, 64), "")
        self.assertEqual(
            self.check(needs, 8, 16), "the variant is for GPUs with subgroups of 32 or 64, this device has 8 to 16"
        )

    def test_without_needs_or_sizes_nothing_is_said(self) -> None:
        self.assertEqual(self.check({}, 8, 8), "")
        self.assertEqual(self.check({"least_subgroup_size": 8}, 0, 0), "")


if __name__ == "__main__":
    unittest.main()
