#!/usr/bin/env python3
"""The openvino backend, called by hand through its door.

usage: run.py BACKEND_PROGRAM

What wants OpenVINO (cmake/setup.sh --backend openvino) is skipped without it, with the reason; all else runs.
"""

import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "conformance"))
import onnx_files as onnx  # noqa: E402

PROGRAM = ""
NOWHERE = {"ONNXPACK_OPENVINO_LIBRARY": "/nonexistent/libopenvino.so"}


def target(name="x86-64-v3", facts=None, **settings):
    return {"name": name, "description": "", "sources": [], "backend_options": {"openvino": {"device": "CPU", **settings}},
            "facts": {"accelerator.class": ["cpu"], "arch.name": ["amd64"], **(facts or {})}}


HOST = target("host")


def call(verb, request, folder, **environment):
    (folder / "request.json").write_text(json.dumps({"protocol": "1.0", "verb": verb, **request}))
    (folder / "response.json").unlink(missing_ok=True)
    done = subprocess.run([PROGRAM, verb, "request.json", "response.json"], cwd=folder, capture_output=True, text=True,
                          env={**os.environ, **environment}, timeout=300)
    if done.returncode != 0:
        raise AssertionError(f"{verb}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return json.loads((folder / "response.json").read_text())


def add_relu(shape, two_outputs=False):
    """y = Relu(x + w), or both the sum and y, the sum last."""
    outputs = [("y", shape), ("s", shape)] if two_outputs else [("y", shape)]
    return onnx.model([onnx.node("Add", ["x", "w"], ["s"]), onnx.node("Relu", ["s"], ["y"])], [("x", shape)], outputs,
                      [onnx.initializer("w", [3], [0.5, -1.0, 2.0])])


class Backend(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.addCleanup(self.temporary.cleanup)
        self.jobs = 0

    def compile(self, content, to=HOST, options=None, free=None, shapes=None, threads=1, inputs=("x",), outputs=("y",), **environment):
        self.jobs += 1
        self.folder = pathlib.Path(self.temporary.name) / f"job{self.jobs}"
        for part in ("components/model", "out", "scratch"):
            (self.folder / part).mkdir(parents=True)
        (self.folder / "components/model/model.onnx").write_bytes(content)
        scope = {"name": "model", "node_count": 2, "inputs": list(inputs), "outputs": list(outputs), "node_outputs": []}
        request = {"component": {"name": "model", "model": "components/model/model.onnx", "original_sha256": "0" * 64},
                   "target": to, "scopes": [scope], "options": options or {}, "free_dimensions": free or {},
                   "input_shapes": shapes or {}, "threads": threads, "output_dir": "out", "scratch_dir": "scratch", "variant_name": "v"}
        return call("compile", request, self.folder, **environment)

    def describe(self, **environment):
        return call("describe", {}, pathlib.Path(self.temporary.name), **environment)

    def blobs(self):
        return {path.name: path.read_bytes() for path in (self.folder / "out").iterdir()}

    def run_variant(self, answer, values, shape, **changes):
        """Places the blobs as the package has them, runs, and gives the answer and the outputs as lists of floats."""
        place = self.folder / "variants/v"
        place.mkdir(parents=True, exist_ok=True)
        (self.folder / "run-out").mkdir(exist_ok=True)
        for name, content in self.blobs().items():
            (place / name).write_bytes(content)
        variant = answer["variants"][0]
        blobs = [{**blob, "path": f"variants/v/{blob['path']}"} for blob in variant["partitions"][0]["blobs"]]
        ran = {key: variant[key] for key in ("ep", "device", "compatibility_string", "precision", "executor_info")}
        ran |= {"name": "v", "partitions": [{"scope": "model", "blobs": blobs}], **changes}
        (self.folder / "x.bin").write_bytes(onnx.floats(values))
        response = call("run", {"root": ".", "component_name": "model", "model": "components/model/model.onnx", "variant": ran,
                                "inputs": [{"name": "x", "type": "tensor(float)", "shape": shape, "path": "x.bin"}],
                                "output_dir": "run-out", "scratch_dir": "scratch", "options": {}, "threads": 1, "warmup": 0, "runs": 1},
                        self.folder)
        outputs = {}
        for output in response.get("outputs", []):
            content = (self.folder / "run-out" / output["path"]).read_bytes()
            outputs[output["name"]] = list(struct.unpack(f"<{len(content) // 4}f", content))
        return response, outputs


class WithoutOpenVino(Backend):
    def test_describe_says_what_is_missing(self):
        answer = self.describe(**NOWHERE)
        self.assertEqual((answer["status"], answer["available"]), ("ok", False))
        self.assertRegex(answer["reason"], "OpenVINO cannot be loaded|built without OpenVINO")
        self.assertIn("cmake/setup.sh --backend openvino", answer["hint"])
        self.assertTrue(answer["serves"])

    def test_compile_is_refused_with_the_command_that_helps(self):
        answer = self.compile(add_relu([2, 3]), **NOWHERE)
        self.assertEqual(answer["status"], "refused", answer)
        self.assertIn("cmake/setup.sh --backend openvino", answer["hint"])

    def test_what_is_no_library_is_said_by_its_name(self):
        wrong = pathlib.Path(self.temporary.name) / "libopenvino.so"
        wrong.write_bytes(b"no library")
        answer = self.describe(ONNXPACK_OPENVINO_LIBRARY=str(wrong))
        self.assertFalse(answer["available"])
        self.assertTrue(str(wrong) in answer["reason"] or "built without" in answer["reason"], answer["reason"])


class WithOpenVino(Backend):
    X = [1.0, 1.0, -3.0, 0.25, -1.0, 2.0]
    Y = [1.5, 0.0, 0.0, 0.75, 0.0, 4.0]

    def setUp(self):
        super().setUp()
        found = self.describe()
        if not found["available"]:
            self.skipTest(f"{found['reason']}; {found['hint']}")

    def test_ir_for_a_cpu_level(self):
        answer = self.compile(add_relu([2, 3]), target())
        self.assertEqual(answer["status"], "ok", answer)
        variant = answer["variants"][0]
        self.assertEqual((variant["ep"], variant["device"], variant["precision"]), ("onnxpack.openvino", "cpu", "fp32"))
        self.assertEqual([(b["path"], b["role"]) for b in variant["partitions"][0]["blobs"]], [("model.xml", "ir"), ("model.bin", "weights")])
        self.assertRegex(variant["compatibility_string"], r"^onnx-pack/1;arch.name=amd64;runtime.openvino=[\d.]+$")
        self.assertEqual(variant["executor_info"]["openvino"]["properties"]["INFERENCE_PRECISION_HINT"], "f32")
        self.assertEqual(variant["coverage"], {"covered_nodes": 2, "total_nodes": 2})
        ran, outputs = self.run_variant(answer, self.X, [2, 3])
        self.assertEqual((ran["status"], outputs), ("ok", {"y": self.Y}))

    def test_blob_for_this_machine(self):
        answer = self.compile(add_relu([2, 3]))
        self.assertEqual(answer["status"], "ok", answer)
        variant = answer["variants"][0]
        self.assertEqual([(b["path"], b["role"]) for b in variant["partitions"][0]["blobs"]], [("model.blob", "blob")])
        self.assertRegex(variant["compatibility_string"], r"^meta=[\d.]+;ov=[\d.]+;isa=.+")
        # The text the host compares is the one that the blob starts with and that import goes by.
        self.assertIn(variant["compatibility_string"].encode(), self.blobs()["model.blob"][:4096])
        self.assertIn("runtime.openvino", [need["feature"] for need in variant["requirements"]])
        ran, outputs = self.run_variant(answer, self.X, [2, 3])
        self.assertEqual((ran["status"], outputs), ("ok", {"y": self.Y}))

    def test_a_blob_for_an_equal_cpu_and_ir_for_another(self):
        probe = call("probe", {}, pathlib.Path(self.temporary.name))
        here = probe["facts"]["openvino.isa"]
        for isa, role in ((here, "blob"), (["Intel SSE4.1 of another"], "ir")):
            answer = self.compile(add_relu([2, 3]), target("laptop", {"openvino.isa": isa}))
            self.assertEqual(answer["variants"][0]["partitions"][0]["blobs"][0]["role"], role)

    def test_a_blob_of_another_cpu_is_not_run(self):
        answer = self.compile(add_relu([2, 3]))
        text = answer["variants"][0]["compatibility_string"]
        ran, _ = self.run_variant(answer, self.X, [2, 3], compatibility_string=text.replace("isa=", "isa=Other "))
        self.assertEqual(ran["status"], "refused", ran)
        self.assertIn("isa=Other ", ran["reason"])
        self.assertIn(text, ran["reason"])

    def test_same_bytes_in_another_folder_and_with_other_threads(self):
        for options in ({"format": "ir"}, {"format": "blob"}):
            self.compile(add_relu(["batch", 3]), options=options, threads=1)
            first = self.blobs()
            self.compile(add_relu(["batch", 3]), options=options, threads=2)
            self.assertEqual(self.blobs(), first, options)

    def test_precision_is_declared_and_kept(self):
        answer = self.compile(add_relu([2, 3]), options={"precision": "bf16"})
        variant = answer["variants"][0]
        self.assertEqual(variant["precision"], "bf16")
        self.assertEqual(variant["executor_info"]["openvino"]["properties"]["INFERENCE_PRECISION_HINT"], "bf16")

    def test_dynamic_shapes_stay_and_can_be_fixed_by_name_and_by_input(self):
        answer = self.compile(add_relu(["batch", 3]))
        self.assertEqual(answer["variants"][0].get("fixed_shapes", {}), {})
        for rows in (1, 4):
            ran, outputs = self.run_variant(answer, [-0.5] * 3 * rows, [rows, 3])
            self.assertEqual(outputs, {"y": [0.0, 0.0, 1.5] * rows}, ran)
        by_name = self.compile(add_relu(["batch", 3]), free={"batch": 4})
        self.assertEqual(by_name["variants"][0]["fixed_shapes"], {"x": [4, 3]})
        by_input = self.compile(add_relu(["batch", 3]), shapes={"x": [2, 3]})
        self.assertEqual(by_input["variants"][0]["fixed_shapes"], {"x": [2, 3]})

    def test_wrong_shapes_are_named(self):
        for question, reason, hint in (({"free": {"batsch": 1}}, "no input has a dimension named 'batsch'", "did you mean 'batch'?"),
                                       ({"shapes": {"z": [1]}}, "the model has no input 'z'", ""),
                                       ({"shapes": {"x": [1, 2, 3]}}, "input 'x' has 2 dimensions, the given shape [1,2,3] has 3", ""),
                                       ({"shapes": {"x": [1, 7]}}, "dimension 1 of input 'x' is 3 in the model, the given shape [1,7] says 7", "")):
            answer = self.compile(add_relu(["batch", 3]), **question)
            self.assertEqual((answer["status"], answer["reason"], answer["stage"]), ("error", reason, "import"))
            self.assertIn(hint, answer.get("hint", ""))

    def test_outputs_come_in_the_graph_s_order(self):
        for options in ({"format": "ir"}, {"format": "blob"}):
            answer = self.compile(add_relu([2, 3], two_outputs=True), options=options, outputs=("y", "s"))
            ran, outputs = self.run_variant(answer, self.X, [2, 3])
            self.assertEqual([output["name"] for output in ran["outputs"]], ["y", "s"])
            self.assertEqual(outputs["s"], [1.5, 0.0, -1.0, 0.75, -2.0, 4.0])

    def test_an_unknown_operator_is_refused_by_name(self):
        content = onnx.model([onnx.node("Frobnicate", ["x"], ["y"])], [("x", [2, 3])], [("y", [2, 3])], [])
        answer = self.compile(content)
        self.assertEqual((answer["status"], answer["stage"]), ("refused", "import"))
        self.assertIn("Frobnicate", answer["reason"])
        self.assertNotIn("src/", answer["reason"])

    def test_a_device_that_is_not_here_is_refused_and_its_ir_is_not(self):
        npu = target("npu", {"accelerator.class": ["npu"], "accelerator.vendor": ["intel"]}, device="NPU")
        answer = self.compile(add_relu([2, 3]), npu)
        if answer["status"] == "ok":
            self.skipTest("this machine has an Intel NPU")
        self.assertEqual(answer["status"], "refused")
        self.assertIn("OpenVINO compiles for NPU only on a machine that has one; here it finds ", answer["reason"])
        answer = self.compile(add_relu([2, 3]), npu, options={"format": "ir"})
        self.assertEqual((answer["status"], answer["variants"][0]["device"]), ("ok", "npu"))


if __name__ == "__main__":
    PROGRAM = os.path.abspath(sys.argv[1])
    unittest.main(argv=sys.argv[:1], verbosity=2)
