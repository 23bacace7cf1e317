"""Which Vulkan devices a variant is run on."""

import unittest
from unittest import mock

import support  # noqa: F401  (finds the modules)
from onnxpack_iree import devices, run, vulkan
from onnxpack_iree.protocol import Events, Json, Refused


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


class Runs(unittest.TestCase):
    def asked(self, kind: str) -> tuple[Json, list[str]]:
        """What the stage that runs was asked, with its variables; and the notes of the answer."""
        job = mock.Mock(info={"driver": "vulkan", "function": "f", "outputs": [], "needs": {"least_subgroup_size": 8}}, inputs=[])
        job.request = {"scratch_dir": ""}
        device = devices.VulkanDevice("a GPU", "GPU-1", "1.3.230", kind, 0, 0, "", 32, 32, 32, 0)
        answer = {"outputs": [], "notes": [], "session_ms": 1.0, "first_run_ms": 1.0, "run_ms": [1.0]}
        with (
            mock.patch.object(devices, "vulkan_devices", return_value=[device]),
            mock.patch.object(run.stages, "call", return_value=answer) as call,
        ):
            notes = run.run_vulkan(job, "3.13.0", Events())["notes"]
        return {**call.call_args.args[1], "variables": call.call_args.kwargs["variables"]}, notes

    def test_the_chosen_device_is_the_one_that_runs(self) -> None:
        asked, notes = self.asked("discrete-gpu")
        self.assertEqual((asked["driver"], asked["device"], asked["variables"], notes), ("vulkan", "GPU-1", None, []))

    def test_a_software_driver_is_no_measure_of_speed(self) -> None:
        asked, notes = self.asked("cpu")
        self.assertEqual((asked["device"], asked["variables"]), ("GPU-1", vulkan.SOFTWARE_ENVIRONMENT))
        self.assertIn("no measure of speed", notes[0])


if __name__ == "__main__":
    unittest.main()
