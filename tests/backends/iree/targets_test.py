"""Targets: flags, requirements, compatibility text, and what is refused."""

import re
import unittest

import support
from onnxpack_iree import cpu, targets
from onnxpack_iree.protocol import Refused
from support import ROOT, target


def plan(to: support.Json) -> targets.Plan:
    return targets.plan(to, "3.13.0")


class Targets(unittest.TestCase):
    def refusal(self, to: support.Json) -> Refused:
        with self.assertRaises(Refused) as caught:
            plan(to)
        return caught.exception

    def test_x86_64(self) -> None:
        made = plan(support.x86("v3"))
        self.assertIn("--iree-llvmcpu-target-cpu=x86-64-v3", made.flags)
        self.assertEqual(
            made.requirements,
            [{"feature": "arch.name", "any_of": ["amd64"]}, {"feature": "x86_64.level", "any_of": ["v3"]}],
        )
        self.assertEqual(
            targets.compatibility_string(made.compatibility),
            "onnx-pack/1;arch.name=amd64;runtime.iree=3.13.0;x86_64.level=v3",
        )
        self.assertIn("avx2", made.needs["cpu_features"])

    def test_instruction_sets_beyond_the_level_are_required(self) -> None:
        to = support.x86("v3")
        to["facts"]["cpu.features"].append("avx_vnni")
        self.assertIn({"feature": "cpu.features", "all_of": ["avx_vnni"]}, plan(to).requirements)

    def test_a_level_alone_still_tells_run_what_is_needed(self) -> None:
        to = support.x86("v4")
        del to["facts"]["cpu.features"]
        self.assertIn("avx512f", plan(to).needs["cpu_features"])

    def test_host_without_triple(self) -> None:
        made = plan(target("host", {"arch.name": ["amd64"], "runtime.iree": ["3.13.0"]}, target_backend="llvm-cpu", target_cpu="znver3"))
        self.assertIn("--iree-llvmcpu-target-triple=x86_64-unknown-linux-gnu", made.flags)
        self.assertIn({"feature": "runtime.iree", "version": [">=3.13"]}, made.requirements)

    def test_no_system_is_required_of_a_cpu(self) -> None:
        to = support.aarch64()
        to["facts"]["os.name"] = ["darwin"]
        self.assertNotIn("os.name", [requirement["feature"] for requirement in plan(to).requirements])

    def test_riscv64(self) -> None:
        made = plan(
            target(
                "riscv64",
                {"arch.name": ["riscv64"], "riscv64.extensions": ["a", "c", "d", "f", "m", "v"]},
                target_backend="llvm-cpu",
                target_triple="riscv64-unknown-linux-gnu",
                target_cpu="generic-rv64",
                target_cpu_features="+m,+a,+f,+d,+c,+v",
                target_abi="lp64d",
            )
        )
        self.assertIn("--iree-llvmcpu-target-abi=lp64d", made.flags)
        self.assertIn("--iree-llvmcpu-target-cpu-features=+m,+a,+f,+d,+c,+v", made.flags)

    def test_cuda_is_ptx(self) -> None:
        for asked, flag, virtual in (("sm_80", "sm_80", "80"), ("ada", "ada", "89"), ("sm_90", "ada", "89")):
            made = plan(target("cuda", {"accelerator.vendor": ["nvidia"]}, target_backend="cuda", cuda_target=asked))
            self.assertIn(f"--iree-cuda-target={flag}", made.flags)
            self.assertIn({"feature": "nvidia.sm_arch", "any_of": [f"{virtual}_virtual"]}, made.requirements)
            self.assertEqual(bool(made.notes), asked == "sm_90")

    def test_other_gpus(self) -> None:
        self.assertIn("--iree-rocm-target=gfx942", plan(target("r", {}, target_backend="rocm", rocm_target="gfx942")).flags)
        self.assertEqual(plan(target("r", {"amd.gfx": ["gfx1100"]}, target_backend="rocm")).driver, "hip")
        metal = plan(target("m", {"os.name": ["ios"], "metal.version": ["3.0"]}, target_backend="metal-spirv"))
        self.assertIn("--iree-metal-target-platform=ios", metal.flags)
        self.assertIn({"feature": "metal.version", "version": [">=3.0"]}, metal.requirements)
        at_least = {"feature": "vulkan.version", "version": [">=1.3"]}
        self.assertIn(at_least, plan(support.vulkan()).requirements)
        # The target may be a device, which has more than the code needs.
        for version, opens in (("1.3.289+mesa", True), ("v1.4", True), ("2", True), ("1.2.131", False), ("v1.1", False), ("1", False)):
            facts = {"accelerator.class": ["gpu"], "vulkan.version": [version]}
            device = support.target("box", facts, target_backend="vulkan-spirv")
            if opens:
                self.assertIn(at_least, plan(device).requirements)
            else:
                self.assertIn("1.3 and newer", self.refusal(device).reason)
        # Code for any GPU asks for no vendor, whoever's GPU the target is.
        facts = {"accelerator.class": ["gpu"], "accelerator.vendor": ["nvidia"], "vulkan.version": ["1.3"]}
        wanted = {"feature": "accelerator.vendor", "any_of": ["nvidia"]}
        self.assertNotIn(wanted, plan(support.target("box", facts, target_backend="vulkan-spirv")).requirements)
        named = support.target("box", facts, target_backend="vulkan-spirv", vulkan_target="ampere")
        self.assertIn(wanted, plan(named).requirements)

    def test_refusals(self) -> None:
        bare = target("t", {})
        del bare["backend_options"]["iree"]
        self.assertEqual(self.refusal(bare).reason, "target 't' has no settings for iree")
        self.assertIn("expected one of llvm-cpu, vulkan-spirv", self.refusal(target("t", {}, target_backend="tpu")).reason)
        self.assertIn(
            "iree.cuda_target is not a setting of llvm-cpu",
            self.refusal(target("t", {}, target_backend="llvm-cpu", cuda_target="sm_80")).reason,
        )
        self.assertIn("arch.name is not stated", self.refusal(target("t", {}, target_backend="llvm-cpu")).reason)
        self.assertIn("amd.gfx is not stated", self.refusal(target("t", {}, target_backend="rocm")).reason)

    def test_compatibility_text_escapes(self) -> None:
        self.assertEqual(targets.compatibility_string({"b": ["x;y=1%"], "a": ["1", "2"]}), "onnx-pack/1;a=1,2;b=x%3By%3D1%25")


class Cpu(unittest.TestCase):
    def test_the_table_is_the_programs_own(self) -> None:
        """lib/target is C++ and a backend in Python cannot link it: the two tables must not drift apart."""
        source = (ROOT / "lib/target/vocabulary.cc").read_text()
        rows = re.findall(r'\{"(x86_64\.level|aarch64\.version)", "(v[\d.]+)", "([^"]+)"\}', source)
        self.assertGreater(len(rows), 8)
        ours = {(ladder, step): text for ladder, steps in cpu.PROMISES.items() for step, text in steps if text}
        self.assertEqual(ours, {(ladder, step): text for ladder, step, text in rows})

    def test_steps(self) -> None:
        self.assertEqual(cpu.highest_step("x86_64.level", ["v3", "v1"]), "v3")
        self.assertEqual(cpu.highest_step("x86_64.level", ["v9"]), "")
        self.assertNotIn("i8mm", cpu.promised("aarch64.version", "v9.0"))
        self.assertIn("asimddp", cpu.promised("aarch64.version", "v9.0"))
        self.assertEqual(cpu.promised("x86_64.level", "v7"), set())


if __name__ == "__main__":
    unittest.main()
