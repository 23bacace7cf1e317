"""onnx's 11 FlexAttention node tests through `build` and `verify`, and against their expanded twins."""

import json
import pathlib
import subprocess
import tempfile
import unittest
import warnings

import numpy as np
import onnx

from harness import PROGRAM, SKIPPED, run
from lowering import lower, onnx_pack

BACKEND = PROGRAM.parent.parent / "libexec/onnx-pack/onnx-pack-backend-onnxruntime"
if not PROGRAM.exists() or not BACKEND.exists():
    print(f"SKIPPED: needs {PROGRAM} and {BACKEND}")
    raise SystemExit(SKIPPED)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # onnx makes the cases of every operator
    from onnx.backend.test.case.node import collect_testcases
    CASES = {case.name: case for case in collect_testcases("FlexAttention") if case.name.startswith("test_flexattention")}


def verify(folder: pathlib.Path, package: str, *flags: str) -> dict:
    done = subprocess.run([str(PROGRAM), "verify", package, "--json", "-q", "--runs", "1", "--warmup", "0", *flags], cwd=folder, capture_output=True, text=True)
    return json.loads(done.stdout) | {"code": done.returncode, "said": done.stderr}


class NodeTests(unittest.TestCase):
    def test_all_by_build_and_verify(self):
        names = [name for name in CASES if "expanded" not in name]
        self.assertEqual(len(names), 11)
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            components = []
            for name in names:
                onnx.save(CASES[name].model, folder / f"{name}.onnx")
                components += ["--component", f"{name}={folder / name}.onnx"]
            onnx_pack("build", *components, "-t", "x86-64-v2", "--backend", "onnxruntime", "-o", str(folder / "m.onnxpkg"), "-q")
            report = verify(folder, "m.onnxpkg")
            self.assertEqual(report["code"], 0, report)
            self.assertEqual(len(report["variants"]), 33)
            for check in report["variants"]:
                with self.subTest(check["component"], variant=check["variant"]):
                    self.assertEqual(check["status"], "passed")
                    judge = "function body" if check["variant"].endswith("-onnxruntime") else "the kernels of org.onnxpack"
                    self.assertIn(judge, check["reference"])
            plain = verify(folder, "m.onnxpkg", "--reference")
            self.assertEqual(plain["code"], 0, plain)
            for check in plain["variants"]:
                if not check["variant"].endswith("-onnxruntime"):
                    self.assertIn("the plain kernels of org.onnxpack", check["reference"])

    def test_expanded_twins_agree(self):
        twins = [name for name in CASES if "expanded" in name]
        self.assertEqual(len(twins), 11)
        for twin in twins:
            with self.subTest(twin):
                case = CASES[twin.split("_expanded")[0]]
                inputs, outputs = case.data_sets[0]
                feeds = {info.name: array for info, array in zip(case.model.graph.input, inputs)}
                by_twin = run(CASES[twin].model, {i.name: feeds[i.name] for i in CASES[twin].model.graph.input}, ops=False)[0]
                limit = 1e-3 if outputs[0].dtype == np.float16 else 1e-5
                for flags in ((), ("--expand",)):
                    np.testing.assert_allclose(run(lower(case.model, *flags), feeds)[0], by_twin, rtol=limit, atol=limit)


if __name__ == "__main__":
    unittest.main()
