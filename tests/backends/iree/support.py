"""What the tests share: the backend's modules, requests, targets, small models."""

from __future__ import annotations

import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parents[3]
MODULES = ROOT / "apps/backends/iree/python"
sys.path.insert(0, str(MODULES))

Json = dict[str, Any]


def has(*modules: str) -> bool:
    try:
        return all(importlib.util.find_spec(module) is not None for module in modules)
    except ModuleNotFoundError:
        return False


needs_onnx = unittest.skipUnless(has("onnx", "numpy"), "no onnx for this Python: cmake/setup.sh --backend iree")
needs_iree = unittest.skipUnless(
    has("onnx", "numpy", "iree.compiler", "iree.runtime"), "no IREE for this Python: cmake/setup.sh --backend iree"
)

X86 = {
    "v2": "cx16 lahf_lm mmx popcnt sse sse2 sse4_1 sse4_2 ssse3",
    "v3": "abm avx avx2 bmi1 bmi2 cx16 f16c fma lahf_lm mmx movbe popcnt sse sse2 sse4_1 sse4_2 ssse3 xsave",
}
X86["v4"] = X86["v3"] + " avx512bw avx512cd avx512dq avx512f avx512vl"


def x86(level: str) -> Json:
    steps = ["v1", "v2", "v3", "v4"]
    return target(
        f"x86-64-{level}",
        {
            "accelerator.class": ["cpu"],
            "arch.name": ["amd64"],
            "x86_64.level": steps[: steps.index(level) + 1],
            "cpu.features": X86[level].split(),
        },
        target_backend="llvm-cpu",
        target_triple="x86_64-unknown-linux-gnu",
        target_cpu=f"x86-64-{level}",
    )


def aarch64() -> Json:
    return target(
        "aarch64",
        {"arch.name": ["arm64"], "aarch64.version": ["v8.0"], "cpu.features": ["asimd", "fp"]},
        target_backend="llvm-cpu",
        target_triple="aarch64-unknown-linux-gnu",
        target_cpu="generic",
    )


def vulkan() -> Json:
    return target("vulkan", {"accelerator.class": ["gpu"], "vulkan.version": ["1.3"]}, target_backend="vulkan-spirv")


def target(name: str, facts: Json, **settings: str) -> Json:
    return {
        "format": "onnx-pack/target",
        "schema_version": "1.0",
        "name": name,
        "facts": facts,
        "backend_options": {"iree": settings},
    }


class Work:
    """A work folder as the host lays it out, and the backend called in it."""

    def __init__(self, test: unittest.TestCase) -> None:
        holder = tempfile.TemporaryDirectory(prefix="iree-test-")
        test.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)
        for name in ("components/model", "out", "scratch", "outputs", "run-scratch"):
            (self.folder / name).mkdir(parents=True)
        self.log = ""

    def call(self, verb: str, request: Json, python: str = sys.executable) -> tuple[int, Json]:
        asked, answered = self.folder / f"{verb}.json", self.folder / f"{verb}.answer.json"
        asked.write_text(json.dumps({"protocol": "1.0", "verb": verb, **request}))
        answered.unlink(missing_ok=True)
        done = subprocess.run(
            [python, "-I", "-B", str(MODULES), verb, asked.name, answered.name],
            cwd=self.folder,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        self.log = done.stderr
        return done.returncode, json.loads(answered.read_text()) if answered.exists() else {}

    def compile(self, model: Any, to: Json, **fields: Any) -> Json:
        (self.folder / "components/model/model.onnx").write_bytes(model.SerializeToString())
        return self.ask("compile", to, output_dir="out", variant_name="v", **fields)

    def ask(self, verb: str, to: Json, **fields: Any) -> Json:
        request = {
            "component": {"name": "model", "model": "components/model/model.onnx"},
            "target": to,
            "scopes": [{"name": "model", "node_count": 4}],
            "scratch_dir": "scratch",
            **fields,
        }
        code, answer = self.call(verb, request)
        assert code == 0, self.log
        return answer

    def run(self, variant: Json, inputs: dict[str, Any], **fields: Any) -> tuple[Json, dict[str, Any]]:
        """The answer, and the outputs by name."""
        import numpy

        home = self.folder / "variants/v"
        if not home.exists():
            home.parent.mkdir()
            os.rename(self.folder / "out", home)
        ports = {port["name"]: port for port in variant["executor_info"]["iree"]["inputs"]}
        files = []
        for name, value in inputs.items():
            value.tofile(self.folder / f"{name}.bin")
            files.append({"name": name, "type": ports[name]["type"], "shape": list(value.shape), "path": f"{name}.bin"})
        asked = {key: variant[key] for key in ("ep", "device", "compatibility_string", "executor_info")}
        asked["name"] = "v"
        asked["partitions"] = [{"scope": "model", "blobs": [{"path": "variants/v/model.vmfb", "role": "module"}]}]
        request = {
            "root": ".",
            "component_name": "model",
            "model": "components/model/model.onnx",
            "variant": asked,
            "inputs": files,
            "output_dir": "outputs",
            "scratch_dir": "run-scratch",
            "warmup": 0,
            "runs": 1,
            **fields,
        }
        code, answer = self.call("run", request)
        assert code == 0, self.log
        kinds = {"tensor(float)": "float32", "tensor(int64)": "int64"}
        return answer, {
            out["name"]: numpy.fromfile(self.folder / "outputs" / out["path"], kinds[out["type"]]).reshape(out["shape"])
            for out in answer.get("outputs", [])
        }
