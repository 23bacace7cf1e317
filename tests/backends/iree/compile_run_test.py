"""Real compiles and runs of small models, against numpy."""

import hashlib
import shutil
import unittest
from typing import Any

import support
from support import Work, needs_iree


def digest(work: Work) -> str:
    return hashlib.sha256((work.folder / "out/model.vmfb").read_bytes()).hexdigest()


@needs_iree
class Compile(unittest.TestCase):
    def compiled(self, to: support.Json, model: Any = None, **fields: Any) -> tuple[Work, support.Json]:
        import models

        work = Work(self)
        answer = work.compile(model or models.normalised(), to, **fields)
        self.assertEqual(answer["status"], "ok", f"{answer} {work.log}")
        return work, answer

    def stopped(self, to: support.Json, model: Any, **fields: Any) -> support.Json:
        answer = Work(self).compile(model, to, **fields)
        self.assertNotEqual(answer["status"], "ok")
        self.assertTrue(answer["reason"] and answer["stage"], answer)
        return answer

    def check_result(self, work: Work, variant: support.Json, batch: int, **fields: Any) -> support.Json:
        import models
        import numpy

        x = numpy.random.default_rng(3).standard_normal((batch, 3), dtype=numpy.float32)
        answer, outputs = work.run(variant, {"x": x}, **fields)
        self.assertEqual(answer["status"], "ok", f"{answer} {work.log}")
        numpy.testing.assert_allclose(outputs["y"], models.normalised_result(x), rtol=1e-5, atol=1e-5)
        return answer

    def test_fixed_shapes_run_and_are_recorded(self) -> None:
        work, answer = self.compiled(support.x86("v2"), input_shapes={"x": [3, 3]})
        variant = answer["variants"][0]
        self.assertEqual(variant["fixed_shapes"], {"x": [3, 3]})
        self.assertEqual(variant["partitions"][0]["blobs"][0]["path"], "model.vmfb")
        self.assertEqual(variant["partitions"][0]["outputs"], [{"name": "y", "type": "tensor(float)", "shape": [3, 5]}])
        self.assertEqual(variant["coverage"], {"covered_nodes": 4, "total_nodes": 4})
        ran = self.check_result(work, variant, 3, runs=5, warmup=1)
        times = ran["timings"]
        self.assertEqual(times["runs"], 5)
        self.assertTrue(0 < times["p10_ms"] <= times["median_ms"] <= times["p90_ms"], times)

    def test_wrong_inputs_do_not_reach_the_module(self) -> None:
        import numpy

        work, answer = self.compiled(support.x86("v2"), free_dimensions={"batch": 3})
        variant = answer["variants"][0]
        self.check_result(work, variant, 3)
        refused, _ = work.run(variant, {"x": numpy.zeros((4, 3), numpy.float32)})
        self.assertEqual(refused["status"], "refused")
        self.assertEqual(refused["reason"], "input 'x' is [4, 3], the variant was compiled for [3, 3]")
        failed, _ = work.run(variant, {})
        self.assertEqual(failed["reason"], "no tensor given for input 'x'")
        blob = work.folder / "variants/v/model.vmfb"
        blob.write_bytes(blob.read_bytes()[:500])
        failed, _ = work.run(variant, {"x": numpy.zeros((3, 3), numpy.float32)})
        self.assertEqual(failed["status"], "error")
        self.assertIn("the runtime does not take the module", failed["reason"])

    def test_open_dimensions(self) -> None:
        work, answer = self.compiled(support.x86("v2"))
        self.assertIn("--free-dimension-override batch=<size>", answer["notes"][0])
        variant = answer["variants"][0]
        self.assertNotIn("fixed_shapes", variant)
        for batch in (1, 7):
            self.check_result(work, variant, batch)
            shutil.rmtree(work.folder / "run-scratch")
            (work.folder / "run-scratch").mkdir()

    def test_same_bytes_wherever_it_is_compiled(self) -> None:
        import models

        first, _ = self.compiled(support.x86("v3"), input_shapes={"x": [2, 3]})
        second, _ = self.compiled(support.x86("v3"), models.normalised(name="another"), input_shapes={"x": [2, 3]}, threads=1)
        self.assertEqual(digest(first), digest(second))
        self.assertNotIn(str(first.folder).encode(), (first.folder / "out/model.vmfb").read_bytes())

    def test_external_data(self) -> None:
        import models
        import onnx

        model = models.normalised()
        work = Work(self)
        onnx.save(model, work.folder / "components/model/model.onnx", save_as_external_data=True, location="w.bin", size_threshold=0)
        stub = onnx.load(work.folder / "components/model/model.onnx", load_external_data=False)
        answer = work.compile(stub, support.x86("v2"), input_shapes={"x": [2, 3]})
        self.assertEqual(answer["status"], "ok", answer)
        self.check_result(work, answer["variants"][0], 2)
        with open(work.folder / "components/model/w.bin", "r+b") as file:
            file.truncate(100)
        (work.folder / "out").mkdir(exist_ok=True)
        answer = work.compile(stub, support.x86("v2"))
        self.assertRegex(answer["reason"], r"tensor '\w+': w.bin ends \d+ bytes early")
        entry = next(item for item in stub.graph.initializer[0].external_data if item.key == "location")
        entry.value = "../w.bin"
        self.assertIn("is not below the model's folder", work.compile(stub, support.x86("v2"))["reason"])

    def test_what_is_refused(self) -> None:
        import models
        import onnx

        answer = self.stopped(support.x86("v2"), models.with_operator("Frobnicate", "com.example"))
        self.assertEqual((answer["status"], answer["reason"]), ("refused", "IREE cannot lower operator Frobnicate"))
        answer = self.stopped(support.x86("v2"), models.normalised(), input_shapes={"z": [1]})
        self.assertEqual(answer["reason"], "there is no input 'z'")
        text = models.with_operator("Identity")
        text.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.STRING
        self.assertIn("IREE passes numeric tensors only", self.stopped(support.x86("v2"), text)["reason"])
        answer = self.stopped(support.x86("v2"), models.normalised(), options={"flags": "--no-such-flag"})
        self.assertEqual(answer["reason"], "iree-compile has no flag --no-such-flag")
        answer = self.stopped(support.x86("v2"), models.normalised(), scopes=[{"name": "part"}])
        self.assertIn("only the whole graph", answer["reason"])

    def test_not_a_model(self) -> None:
        class Garbage:
            def SerializeToString(self) -> bytes:
                return b"\xff" * 64

        self.assertIn("not read as ONNX", self.stopped(support.x86("v2"), Garbage())["reason"])

    def test_code_for_another_cpu_is_not_run(self) -> None:
        import numpy

        work, answer = self.compiled(support.x86("v2"), input_shapes={"x": [2, 3]})
        variant = answer["variants"][0]
        needs = variant["executor_info"]["iree"]["needs"]
        needs["cpu_features"].append("avx1024")
        refused, _ = work.run(variant, {"x": numpy.zeros((2, 3), numpy.float32)})
        self.assertEqual(refused["status"], "refused")
        self.assertEqual(refused["reason"], "the variant needs avx1024, which this CPU does not have")
        needs["arch"] = "vax"
        refused, _ = work.run(variant, {"x": numpy.zeros((2, 3), numpy.float32)})
        self.assertIn("the variant is for vax and this machine is", refused["reason"])

    def test_original_graphs_are_another_backends(self) -> None:
        _, answer = Work(self).call("run", {"root": ".", "original": True, "output_dir": "outputs", "scratch_dir": "run-scratch"})
        self.assertEqual(answer["status"], "refused")
        self.assertIn("onnxruntime", answer["hint"])

    def test_plan_is_the_same_question(self) -> None:
        import models

        work = Work(self)
        (work.folder / "components/model/model.onnx").write_bytes(models.normalised().SerializeToString())
        answer = work.ask("plan", support.x86("v2"))
        self.assertEqual((answer["status"], answer["partitions"]), ("ok", [{"scope": "model"}]))
        self.assertEqual(work.ask("plan", support.x86("v2"), options={"x": 1})["status"], "refused")

    def test_probe(self) -> None:
        code, answer = Work(self).call("probe", {})
        self.assertEqual((code, answer["status"]), (0, "ok"))
        self.assertRegex(answer["facts"]["runtime.iree"][0], r"^\d+\.\d+")

    def test_aarch64_emulated(self) -> None:
        from onnxpack_iree import installation

        runtime, missing, hint = installation.emulated("arm64")
        if runtime is None:
            self.skipTest(f"{missing}: {hint}")
        work, answer = self.compiled(support.aarch64(), input_shapes={"x": [3, 3]})
        ran = self.check_result(work, answer["variants"][0], 3, runs=2)
        self.assertIn("emulated by qemu-aarch64", ran["notes"][0])
        self.assertGreater(ran["timings"]["median_ms"], 0)

    def test_vulkan(self) -> None:
        import models
        import numpy

        work, answer = self.compiled(support.vulkan(), models.depthwise())
        variant = answer["variants"][0]
        self.assertEqual(variant["device"], "gpu")
        self.assertEqual(variant["executor_info"]["iree"]["needs"], {"least_subgroup_size": 8})
        x = numpy.random.default_rng(3).standard_normal((1, 16, 24, 96), dtype=numpy.float32)
        ran, outputs = work.run(variant, {"x": x})
        if ran["status"] == "refused":
            self.skipTest(f"{ran['reason']}; {ran.get('hint')}")
        self.assertEqual(ran["status"], "ok", f"{ran} {work.log}")
        numpy.testing.assert_allclose(outputs["y"], models.depthwise_result(x), rtol=1e-4, atol=1e-4)

    def test_vulkan_writes_into_padded_and_joined_tensors(self) -> None:
        import models
        import numpy

        random = numpy.random.default_rng(3)
        for model, shape, result in (
            (models.convolutions(), (1, 8, 6, 96), models.convolutions_result),
            (models.joined(), (16, 32), models.joined_result),
        ):
            work, answer = self.compiled(support.vulkan(), model)
            x = random.standard_normal(shape, dtype=numpy.float32)
            ran, outputs = work.run(answer["variants"][0], {"x": x})
            if ran["status"] == "refused":
                self.skipTest(f"{ran['reason']}; {ran.get('hint')}")
            self.assertEqual(ran["status"], "ok", f"{ran} {work.log}")
            numpy.testing.assert_allclose(outputs["y"], result(x), rtol=1e-4, atol=1e-4)

    def test_vulkan_computes_int64_in_32_bits_and_says_so(self) -> None:
        import models
        import numpy

        work, answer = self.compiled(support.vulkan(), models.embedding())
        variant = answer["variants"][0]
        self.assertTrue(variant["executor_info"]["iree"]["int64_as_int32"])
        self.assertIn("64-bit integers are computed in 32 bits", " ".join(answer["notes"]))
        self.assertEqual([port["type"] for port in variant["partitions"][0]["inputs"]], ["tensor(int64)"])
        ids = numpy.array([0, 7, 3, 49, 1, 1, 30, 2, 11])
        ran, outputs = work.run(variant, {"ids": ids})
        if ran["status"] == "refused":
            self.skipTest(f"{ran['reason']}; {ran.get('hint')}")
        self.assertEqual(ran["status"], "ok", f"{ran} {work.log}")
        numpy.testing.assert_array_equal(outputs["y"], models.embedding_table()[ids[1:]])
        numpy.testing.assert_array_equal(outputs["n"], ids[1:] + 1)
        ids[0] = 2**40
        ran, _ = work.run(variant, {"ids": ids})
        self.assertEqual(ran["status"], "refused", ran)
        self.assertIn("input 'ids' holds numbers beyond 32 bits", ran["reason"])

    def test_vulkan_for_a_named_gpu(self) -> None:
        to = support.target("rdna3", {"vulkan.subgroup_size": ["32", "64"]}, target_backend="vulkan-spirv", vulkan_target="rdna3")
        _, answer = self.compiled(to, input_shapes={"x": [3, 3]})
        variant = answer["variants"][0]
        self.assertEqual(variant["executor_info"]["iree"]["needs"], {"subgroup_sizes": [32, 64]})
        self.assertIn({"feature": "vulkan.subgroup_size", "any_of": ["32", "64"]}, variant["requirements"])
        self.assertIn("vulkan.subgroup_size=32", variant["compatibility_string"])
        to["backend_options"]["iree"]["vulkan_target"] = "toaster"
        import models

        answer = self.stopped(to, models.normalised())
        self.assertIn("does not know this GPU (--iree-vulkan-target=toaster)", answer["reason"])

    def test_gpus_that_are_not_here(self) -> None:
        import numpy

        to = support.target("cuda-sm_80", {}, target_backend="cuda", cuda_target="sm_80")
        work, answer = self.compiled(to, input_shapes={"x": [3, 3]})
        refused, _ = work.run(answer["variants"][0], {"x": numpy.zeros((3, 3), numpy.float32)})
        if refused["status"] == "ok":
            self.skipTest("there is an NVIDIA GPU here")
        self.assertEqual(refused["status"], "refused")
        self.assertIn("no cuda device", refused["reason"])


if __name__ == "__main__":
    unittest.main()
