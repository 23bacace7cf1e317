#!/usr/bin/env python3
"""The onnxruntime backend with plug-in execution providers, called by hand through its door.

usage: run.py BACKEND_PROGRAM

What wants Qualcomm's library (cmake/setup.sh --backend onnxruntime-qnn) is skipped without it, with the reason; all else runs.
"""

import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

PROGRAM = ""
SNAPDRAGON = {
    "name": "qualcomm-sm8650",
    "description": "",
    "facts": {"accelerator.class": ["npu", "gpu", "cpu"], "accelerator.vendor": ["qualcomm"], "arch.name": ["arm64"],
              "qualcomm.htp_arch": ["75"], "qualcomm.soc_model": ["57"], "qualcomm.vtcm_mb": ["8"]},
    "backend_options": {"onnxruntime": {"ep": "QNNExecutionProvider",
                                        "provider_options": {"htp_arch": "75", "soc_model": "57", "vtcm_mb": "8"}}},
    "sources": [],
}
CPU = {"name": "x86-64-v3", "description": "", "backend_options": {}, "sources": [],
       "facts": {"accelerator.class": ["cpu"], "arch.name": ["x86_64"], "x86_64.level": ["v1", "v2", "v3"]}}
FLOAT, DOUBLE = 1, 11


# ONNX by hand: this test must run where Python's onnx is not.
def varint(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number, content):
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    if isinstance(content, str):
        content = content.encode()
    return varint(number << 3 | 2) + varint(len(content)) + content


def value_info(name, element, shape):
    dims = b"".join(field(1, field(1, d) if isinstance(d, int) else field(2, d)) for d in shape)
    return field(1, name) + field(2, field(1, field(1, element) + field(2, dims)))


def model(operators, element, shape):
    """x -> operators one after the other -> y, an Add of a constant first."""
    names = ["x", *(f"t{i}" for i in range(len(operators) - 1)), "y"]
    nodes = b"".join(
        field(1, field(1, names[i]) + (field(1, "c") if op == "Add" else b"") + field(2, names[i + 1]) + field(4, op))
        for i, op in enumerate(operators))
    constant = field(5, field(1, 4) + field(2, element) + field(8, "c")
                     + field(9, struct.pack("<4f" if element == FLOAT else "<4d", 1, 2, 3, 4)))
    graph = nodes + field(2, "g") + constant + field(11, value_info("x", element, shape)) + field(12, value_info("y", element, shape))
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 17))


def call(verb, request, folder, **environment):
    (folder / "request.json").write_text(json.dumps({"protocol": "1.0", "verb": verb, **request}))
    (folder / "response.json").unlink(missing_ok=True)
    done = subprocess.run([PROGRAM, verb, "request.json", "response.json"], cwd=folder, capture_output=True, text=True,
                          env={**os.environ, **environment}, timeout=300)
    if done.returncode != 0:
        raise AssertionError(f"{verb}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return json.loads((folder / "response.json").read_text())


class Backend(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.addCleanup(self.temporary.cleanup)
        self.jobs = 0

    def compile(self, content, target=SNAPDRAGON, options=None, shapes=None, **environment):
        self.jobs += 1
        self.folder = pathlib.Path(self.temporary.name) / f"job{self.jobs}"
        for part in ("components/model", "out", "scratch"):
            (self.folder / part).mkdir(parents=True)
        (self.folder / "components/model/model.onnx").write_bytes(content)
        scope = {"name": "model", "node_count": 2, "inputs": ["x"], "outputs": ["y"], "node_outputs": []}
        request = {"component": {"name": "model", "model": "components/model/model.onnx", "original_sha256": "0" * 64},
                   "target": target, "scopes": [scope], "options": options or {}, "free_dimensions": {},
                   "input_shapes": shapes or {}, "threads": 1, "output_dir": "out", "scratch_dir": "scratch", "variant_name": "v"}
        return call("compile", request, self.folder, **environment)

    def describe(self, **environment):
        return call("describe", {}, pathlib.Path(self.temporary.name), **environment)

    def blobs(self):
        return {path.name: path.read_bytes() for path in (self.folder / "out").iterdir()}


class WithoutLibrary(Backend):
    NOWHERE = {"ONNXPACK_QNN_ROOT": "/nonexistent", "ONNXPACK_QNN_LIBRARY": ""}

    def test_describe_says_what_is_missing_and_stays_available(self):
        answer = self.describe(**self.NOWHERE)
        self.assertTrue(answer["available"])
        self.assertIn("Qualcomm HTP (once onnxruntime-qnn is installed)", [rule["family"] for rule in answer["serves"]])
        need = next(n for n in answer["needs"] if n["name"] == "libonnxruntime_providers_qnn.so")
        self.assertFalse(need["found"])
        self.assertIn("cmake/setup.sh --backend onnxruntime-qnn", need["how"])

    def test_snapdragon_is_refused_with_the_command_that_helps(self):
        answer = self.compile(model(["Add", "Relu"], FLOAT, [1, 4]), **self.NOWHERE)
        self.assertEqual(answer["status"], "refused")
        self.assertIn("need ONNX Runtime's plug-in onnxruntime-qnn", answer["reason"])
        self.assertTrue(answer["hint"].startswith("run cmake/setup.sh --backend onnxruntime-qnn"), answer["hint"])

    def test_cpu_targets_never_touch_the_plug_in(self):
        broken = pathlib.Path(self.temporary.name) / "libonnxruntime_providers_qnn.so"
        broken.write_bytes(b"no library")
        (broken.parent / "libQnnHtp.so").write_bytes(b"")
        for options in ({"variant": "extended"}, {"variant": "extended", "ep": "CPUExecutionProvider"}):
            target = CPU if len(options) == 1 else SNAPDRAGON
            answer = self.compile(model(["Add", "Relu"], FLOAT, [1, 4]), target, options, ONNXPACK_QNN_LIBRARY=str(broken))
            self.assertEqual(answer["status"], "ok", answer)
            self.assertEqual(answer["variants"][0]["ep"], "CPUExecutionProvider")
        # The same file for the target that needs it: the loader's complaint, no crash.
        answer = self.compile(model(["Add", "Relu"], FLOAT, [1, 4]), ONNXPACK_QNN_LIBRARY=str(broken))
        self.assertEqual((answer["status"], answer["stage"]), ("error", "compile"))
        self.assertIn(str(broken), answer["reason"])

    def test_run_of_a_snapdragon_variant_is_refused(self):
        folder = pathlib.Path(self.temporary.name)
        (folder / "out").mkdir()
        variant = {"name": "v", "ep": "QNNExecutionProvider", "executor_info": {},
                   "partitions": [{"scope": "model", "blobs": [{"path": "ctx.onnx", "role": "model"}]}]}
        answer = call("run", {"root": ".", "component_name": "model", "model": "m.onnx", "variant": variant, "inputs": [], "output_dir": "out",
                              "options": {}, "threads": 1, "warmup": 0, "runs": 1}, folder)
        self.assertEqual(answer["status"], "refused", answer)
        self.assertIn("needs a Qualcomm HTP; this machine has none", answer["reason"])


class WithLibrary(Backend):
    def setUp(self):
        super().setUp()
        need = next(n for n in self.describe()["needs"] if n["name"] == "libonnxruntime_providers_qnn.so")
        if not need["found"]:
            self.skipTest(need["how"])

    def test_context_binary(self):
        content = model(["Add", "Relu"], FLOAT, [1, 4])
        answer = self.compile(content)
        self.assertEqual(answer["status"], "ok", answer)
        variant = answer["variants"][0]
        self.assertEqual((variant["ep"], variant["device"], variant["precision"]), ("QNNExecutionProvider", "npu", "fp16"))
        self.assertRegex(variant["compatibility_string"], r"^v2:6:[\d.]+:[\d.]+:75:57:8:0$")
        self.assertEqual(variant["coverage"], {"covered_nodes": 2, "total_nodes": 2})
        self.assertEqual(variant["fixed_shapes"], {"x": [1, 4]})
        self.assertIn({"feature": "qualcomm.htp_arch", "at_least": ["75"]}, variant["requirements"])
        roles = [(blob["path"], blob["role"]) for blob in variant["partitions"][0]["blobs"]]
        self.assertEqual(roles, [("ctx.onnx", "model"), ("ctx_qnn.bin", "context")])
        self.assertEqual(variant["executor_info"]["ort"]["model_file"], "ctx.onnx")
        first = self.blobs()
        self.assertEqual(set(first), {"ctx.onnx", "ctx_qnn.bin"})
        self.compile(content)
        # Mostly none; under load a few bytes of the compiler's own differ now and then.
        again = self.blobs()
        self.assertEqual({name: len(content) for name, content in again.items()}, {name: len(content) for name, content in first.items()})
        self.assertLess(sum(a != b for name in first for a, b in zip(first[name], again[name])), 16)

    def test_embedded(self):
        answer = self.compile(model(["Add", "Relu"], FLOAT, [1, 4]), options={"embed": "on"})
        self.assertEqual(answer["status"], "ok", answer)
        self.assertEqual(set(self.blobs()), {"ctx.onnx"})
        self.assertGreater(len(self.blobs()["ctx.onnx"]), 10_000)

    def test_several_processors_in_one_blob(self):
        answer = self.compile(model(["Add", "Relu"], FLOAT, [1, 4]), options={"htp_arch": "75,79", "soc_model": "57,69", "vtcm_mb": "8,8"})
        self.assertEqual(answer["status"], "ok", answer)
        self.assertIn(":75,79:57,69:8,8:", answer["variants"][0]["compatibility_string"])
        self.assertIn({"feature": "qualcomm.htp_arch", "at_least": ["75"]}, answer["variants"][0]["requirements"])
        self.assertTrue(any("not reproducible" in note for note in answer["notes"]))

    def test_dynamic_shapes_are_refused_with_the_option_to_type_and_compile_with_it(self):
        content = model(["Add", "Relu"], FLOAT, ["batch", 4])
        answer = self.compile(content)
        self.assertEqual((answer["status"], answer["stage"]), ("refused", "prepare"))
        self.assertEqual(answer["reason"], "QNN compiles static shapes only: input 'x' is [batch,4]")
        self.assertIn("--input-shape x:?,4", answer["hint"])
        self.assertEqual(self.compile(content, shapes={"x": [3, 4]})["variants"][0]["fixed_shapes"], {"x": [3, 4]})

    def test_a_graph_of_which_nothing_compiles_is_an_error_and_no_plain_model(self):
        answer = self.compile(model(["Abs"], DOUBLE, [1, 4]))
        self.assertEqual((answer["status"], answer["stage"]), ("error", "compile"))
        self.assertIn("QNNExecutionProvider compiled no node of the graph", answer["reason"])


if __name__ == "__main__":
    PROGRAM = os.path.abspath(sys.argv[1])
    unittest.main(argv=sys.argv[:1], verbosity=2)
