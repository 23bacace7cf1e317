#!/usr/bin/env python3
"""The onnxruntime backend with plug-in execution providers, called by hand through its door.

usage: run.py BACKEND_PROGRAM TEST_PLUG_IN ONNX_PACK_PROGRAM

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

PROGRAM = PLUG_IN = ONNX_PACK = ""
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


EP = "TestExecutionProvider"


def chip_target(**settings):
    return {"name": "my-npu", "description": "", "facts": {"accelerator.class": ["npu"], "arch.name": ["amd64"]}, "sources": [],
            "backend_options": {"onnxruntime": {"ep": EP, "ep_library": PLUG_IN, **settings}}}


class OtherPlugIn(Backend):
    """The plug-in of tests/support/plugin_ep, through the same door as any vendor's."""

    CONTENT = model(["Add", "Relu"], FLOAT, [1, 4])

    def test_context_and_blob_for_a_virtual_device(self):
        answer = self.compile(self.CONTENT, chip_target(ep_device={"chip": "c3"}))
        self.assertEqual(answer["status"], "ok", answer)
        variant = answer["variants"][0]
        self.assertEqual((variant["ep"], variant["device"], variant["precision"]), (EP, "npu", "fp32"))
        self.assertEqual(variant["compatibility_string"], "test-ep/1;chip=c3")
        self.assertEqual(variant["coverage"], {"covered_nodes": 2, "total_nodes": 2})
        self.assertEqual(variant["tools"][EP], "1.2.3")
        self.assertEqual(set(self.blobs()), {"ctx.onnx", "ctx_test_0.bin"})
        self.assertIn(b"chip c3", self.blobs()["ctx_test_0.bin"])
        self.assertFalse(any("initializer" in note for note in answer["notes"]), answer["notes"])
        self.assertTrue(any("chip=c3" in note and PLUG_IN not in note for note in answer["notes"]), answer["notes"])

    def test_embedded(self):
        answer = self.compile(self.CONTENT, chip_target(ep_device={"chip": "c3"}), {"embed": "on"})
        self.assertEqual(answer["status"], "ok", answer)
        self.assertEqual(set(self.blobs()), {"ctx.onnx"})

    def test_the_option_goes_before_the_target(self):
        answer = self.compile(self.CONTENT, chip_target(ep_device={"chip": "c3"}), {"ep_device": {"chip": "b2"}})
        self.assertEqual(answer["variants"][0]["compatibility_string"], "test-ep/1;chip=b2")

    def test_a_real_device_goes_before_virtual_ones(self):
        target = {**CPU, "backend_options": chip_target()["backend_options"]}
        variant = self.compile(self.CONTENT, target)["variants"][0]
        self.assertEqual((variant["device"], variant["compatibility_string"]), ("cpu", "test-ep/1;chip=a1"))

    def test_no_device_fits(self):
        for settings, expected in (({"ep_device": {"chip": "z9"}}, "expected a device with chip=z9"), ({}, "expected a device of class npu")):
            answer = self.compile(self.CONTENT, chip_target(**settings))
            self.assertEqual((answer["status"], answer["stage"]), ("error", "compile"), answer)
            self.assertIn(expected, answer["reason"])
            for chip in ("a1", "b2", "c3"):
                self.assertIn(f"chip={chip}", answer["reason"])
            self.assertIn("onnxruntime.ep_device", answer["hint"])

    def test_partly_covered(self):
        answer = self.compile(model(["Add", "Exp", "Relu"], FLOAT, [1, 4]), chip_target(ep_device={"chip": "b2"}))
        self.assertEqual(answer["status"], "ok", answer)
        self.assertEqual(set(self.blobs()), {"ctx.onnx", "ctx_test_0.bin", "ctx_test_1.bin"})
        self.assertIn("2 of the prepared graph's 3 nodes in 2 contexts, left to the CPU: 1 Exp", answer["notes"])

    def test_provider_options_arrive(self):
        answer = self.compile(self.CONTENT, chip_target(ep_device={"chip": "b2"}, provider_options={"operators": "Relu"}))
        self.assertIn("1 of the prepared graph's 2 nodes in 1 context, left to the CPU: 1 Add", answer["notes"])

    def test_no_node_compiled(self):
        answer = self.compile(model(["Exp"], FLOAT, [1, 4]), chip_target(ep_device={"chip": "b2"}))
        self.assertEqual((answer["status"], answer["stage"]), ("error", "compile"))
        self.assertIn(f"{EP} compiled no node of the graph", answer["reason"])

    def test_the_library_is_named_in_full(self):
        for path, expected in (("", "nothing is known of where"), ("lib.so", "not an absolute path"), ("/nonexistent/lib.so", "no such file")):
            answer = self.compile(self.CONTENT, chip_target(ep_library=path))
            self.assertEqual(answer["status"], "refused", answer)
            self.assertIn(expected, answer["reason"])
            self.assertIn("ONNXPACK_EP_LIBRARIES", answer["hint"])
        answer = self.compile(self.CONTENT, chip_target(ep_library="", ep_device={"chip": "b2"}), ONNXPACK_EP_LIBRARIES=f"X=/x:{EP}={PLUG_IN}")
        self.assertEqual(answer["status"], "ok", answer)

    def test_an_accelerator_without_a_provider_is_refused(self):
        answer = self.compile(self.CONTENT, {**chip_target(), "backend_options": {"onnxruntime": {}}})
        self.assertIn("has no CPU and names no execution provider", answer["reason"])

    def test_weights_that_only_a_body_reads(self):
        answer = self.compile(branching(), chip_target(ep_device={"chip": "b2"}))
        self.assertEqual(answer["status"], "ok", answer)
        self.assertIn("left to the CPU: 1 If", " ".join(answer["notes"]))
        self.assertIn("2 initializers that only bodies read", " ".join(answer["notes"]))


def branching():
    """y = Relu(If(c, x + w, x - w)): w and v are initializers of the outer graph that the bodies alone read."""
    def body(name, op, weight):
        node = field(1, field(1, "x") + field(1, weight) + field(2, name) + field(4, op))
        return node + field(2, name) + field(12, value_info(name, FLOAT, [1, 4]))

    def weight(name):
        return field(5, field(1, 4) + field(2, FLOAT) + field(8, name) + field(9, struct.pack("<4f", 1, 2, 3, 4)))

    def branch(name, content):
        return field(5, field(1, name) + field(6, content) + field(20, 5))

    choice = field(1, field(1, "c") + field(2, "t") + field(4, "If") + branch("then_branch", body("a", "Add", "w"))
                   + branch("else_branch", body("b", "Sub", "v")))
    relu = field(1, field(1, "t") + field(2, "y") + field(4, "Relu"))
    graph = (choice + relu + field(2, "g") + weight("w") + weight("v") + field(11, value_info("x", FLOAT, [1, 4]))
             + field(11, value_info("c", 9, [1])) + field(12, value_info("y", FLOAT, [1, 4])))
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 17))


class ThroughOnnxPack(Backend):
    """A user's target file alone brings a model through the plug-in, and verify runs what this machine can run."""

    def onnx_pack(self, *words, code=0, **environment):
        where = () if words[0] == "inspect" else ("--backend-path", str(pathlib.Path(PROGRAM).parent))
        done = subprocess.run([ONNX_PACK, *words, *where], cwd=self.temporary.name,
                              capture_output=True, text=True, timeout=300,
                              env={**os.environ, "ONNX_PACK_CACHE": self.temporary.name + "/cache", "ONNXPACK_EP_LIBRARIES": "", **environment})
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def build(self, chip):
        folder = pathlib.Path(self.temporary.name)
        (folder / "m.onnx").write_bytes(model(["Add", "Exp", "Relu"], FLOAT, [1, 4]))
        target = {"name": "my-npu", "facts": chip_target()["facts"], "backend_options": chip_target(ep_device={"chip": chip})["backend_options"]}
        (folder / "npu.json").write_text(json.dumps(target))
        self.onnx_pack("build", "m.onnx", "-t", "npu.json", "--backend", "onnxruntime", "-o", "m.onnxpkg")

    def test_a_chip_that_is_here(self):
        self.build("a1")
        variant = json.loads(self.onnx_pack("inspect", "m.onnxpkg", "--json"))["variants"][0]
        self.assertEqual((variant["ep"], variant["compatibility_string"]), (EP, "test-ep/1;chip=a1"), variant)
        libraries = {"ONNXPACK_EP_LIBRARIES": f"{EP}={PLUG_IN}"}
        self.assertIn("PASSED", self.onnx_pack("verify", "m.onnxpkg", **libraries).upper().replace("PASS ", "PASSED "))
        self.assertIn("optimal", self.onnx_pack("select", "m.onnxpkg", "--target", "host", "--dry-run", "--check-runtime", **libraries))
        self.assertIn("nothing is known of where", self.onnx_pack("verify", "m.onnxpkg"))

    def test_a_chip_that_is_not(self):
        self.build("b2")
        said = self.onnx_pack("verify", "m.onnxpkg", ONNXPACK_EP_LIBRARIES=f"{EP}={PLUG_IN}")
        self.assertIn("needs 'test-ep/1;chip=b2'", said)


if __name__ == "__main__":
    PROGRAM, PLUG_IN, ONNX_PACK = (os.path.abspath(path) for path in sys.argv[1:4])
    unittest.main(argv=sys.argv[:1], verbosity=2)
