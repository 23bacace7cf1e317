"""`compile` and `plan`: the whole graph of a component for one target, into one .vmfb module."""

from __future__ import annotations

import os
import re

from . import child, installation, iree_errors, stages
from . import options as own_options
from . import targets, vulkan
from .protocol import Events, Failed, Json, Refused

WHOLE_GRAPH = "model"
MODULE = "model.vmfb"
MLIR = "model.mlirbc"

# Measured on five models: the compiler holds the weights about four times over its own 200 MB, and works for some
# fifteen seconds of one core whatever the model's size, plus what its operators take.
MEMORY_BASE = 256 << 20
MEMORY_PER_WEIGHT_BYTE = 5
SECONDS_BASE = 10.0
SECONDS_PER_NODE = 0.02

SPIRV = ("vulkan-spirv", "metal-spirv")

# What every blob gets. The source map holds positions in files of the scratch folder.
COMMON_FLAGS = [
    "--iree-input-type=onnx",
    "--iree-vm-bytecode-module-strip-source-map=true",
    "--iree-vm-emit-polyglot-zip=true",
    "--iree-llvmcpu-debug-symbols=false",
]


# What IREE says where a GPU is not promised 64-bit integers, and the graph computes with them.
NO_INT64 = re.compile(r"failed to legalize operation '[\w.]+' .*\bi64\b")
NARROW = "--iree-input-demote-i64-to-i32"


class Question:
    """What plan and compile are asked alike, checked."""

    def __init__(self, request: Json) -> None:
        self.request = request
        self.options = own_options.parse(request.get("options", {}))
        found = installation.find()
        if found.reason():
            raise Failed(found.reason(), installation.hint(), "prepare")
        self.versions = found.versions
        self.target = targets.plan(request["target"], found.runtime_version)
        self.scope = whole_graph(request.get("scopes", []))
        self.narrow = False  # int64 computed as int32

    @property
    def model(self) -> str:
        return self.request["component"]["model"]


def whole_graph(scopes: list[Json]) -> Json:
    for scope in scopes:
        if scope["name"] == WHOLE_GRAPH:
            return scope
    raise Refused("only the whole graph (scope 'model') can be compiled, not parts of it", stage="prepare")


def bytes_of_model(path: str) -> int:
    """The model and what lies beside it: its external data."""
    folder = os.path.dirname(path)
    return sum(entry.stat().st_size for entry in os.scandir(folder or ".") if entry.is_file())


def plan(request: Json, events: Events) -> Json:
    question = Question(request)
    nodes = question.scope.get("node_count", 0)
    return {
        "partitions": [{"scope": WHOLE_GRAPH}],
        "coverage": {"covered_nodes": nodes, "total_nodes": nodes},
        "memory_bytes": MEMORY_BASE + MEMORY_PER_WEIGHT_BYTE * bytes_of_model(question.model),
        "seconds": SECONDS_BASE + SECONDS_PER_NODE * nodes,
    }


def compile(request: Json, events: Events) -> Json:
    question = Question(request)
    events.progress("prepare", 0.0)
    device = vulkan.choose(question.target, request["target"], request["scratch_dir"], events)
    prepared = prepare(question, device, events)
    events.progress("compile", 0.15)
    finished = run_compiler(question, events)
    if finished.code != 0 and question.target.backend in SPIRV and NO_INT64.search(finished.output):
        question.narrow = True
        prepared = prepare(question, device, events)
        finished = run_compiler(question, events)
    blob = take_module(question, prepared, finished)
    events.progress("compile", 1.0)
    events.blob(MODULE)
    notes = [*question.target.notes, *prepared["notes"]]
    if question.narrow:
        notes.append("64-bit integers are computed in 32 bits, since this GPU need not have them; inputs are checked to fit")
    if prepared["dynamic"]:
        notes.append("compiled with open dimensions; fixed ones run quicker: " + " ".join(prepared["dynamic"]))
    return {"variants": [variant(question, prepared, blob)], "notes": notes}


def prepare(question: Question, device: str, events: Events) -> Json:
    scratch = question.request["scratch_dir"]
    asked = {
        "model": question.model,
        "mlir": os.path.join(scratch, MLIR),
        "input_shapes": question.request.get("input_shapes", {}),
        "free_dimensions": question.request.get("free_dimensions", {}),
        "opset": question.options.opset,
        "device": device,
        "barriers": question.target.backend in SPIRV,
        "narrow": question.narrow,
    }
    return stages.call("prepare", asked, scratch, events)


def flags(question: Question) -> list[str]:
    options = question.options
    out = [*COMMON_FLAGS, *question.target.flags, f"--iree-opt-level={options.opt_level}"]
    for flag, wanted in (("data-tiling", options.data_tiling), ("const-eval", options.const_eval)):
        out.append(f"--iree-opt-{flag}={'true' if wanted else 'false'}")
    if question.request.get("threads") == 1:
        out.append("--mlir-disable-threading")  # the bytes are the same; only the host's --jobs is kept
    if options.demote == "f32-to-f16":
        out.append("--iree-input-demote-f32-to-f16")
    if question.narrow:
        out.append(NARROW)
    return [*out, *options.flags]


def run_compiler(question: Question, events: Events) -> child.Finished:
    """Runs iree-compile in the scratch folder with fixed relative names: positions and names it might embed are then the
    same wherever the host put the work folder."""
    compiler = installation.program("iree-compile")
    if compiler is None:
        raise Failed("there is no iree-compile beside this Python", installation.hint(), "compile")
    return child.run([compiler, MLIR, "-o", MODULE, *flags(question)], events, folder=question.request["scratch_dir"])


def take_module(question: Question, prepared: Json, finished: child.Finished) -> str:
    made = os.path.join(question.request["scratch_dir"], MODULE)
    if finished.code != 0:
        raise iree_errors.compile_failed(finished, question.target, prepared["dynamic"], question.options)
    if not os.path.exists(made):
        raise Failed("iree-compile ended well but wrote no module", stage="compile")
    blob = os.path.join(question.request["output_dir"], MODULE)
    os.replace(made, blob)
    return blob


def variant(question: Question, prepared: Json, blob: str) -> Json:
    target = question.target
    nodes = question.scope.get("node_count", 0)
    out: Json = {
        "ep": targets.EP,
        "device": target.device,
        "compatibility_string": targets.compatibility_string(target.compatibility),
        "precision": precision(question, prepared),
        "requirements": target.requirements,
        "executor_info": {"iree": executor_info(question, prepared)},
        "partitions": [
            {
                "scope": WHOLE_GRAPH,
                "blobs": [{"path": MODULE, "role": "module", "size": os.path.getsize(blob)}],
                "inputs": prepared["inputs"],
                "outputs": prepared["outputs"],
            }
        ],
        "coverage": {"covered_nodes": nodes, "total_nodes": nodes},
        "tools": question.versions,
        "license": "",
    }
    if question.request.get("input_shapes") or question.request.get("free_dimensions"):
        out["fixed_shapes"] = {
            port["name"]: port["shape"]
            for port in prepared["inputs"]
            if all(isinstance(size, int) for size in port.get("shape", [None]))
        }
    return {key: value for key, value in out.items() if value not in ("", {})}


def executor_info(question: Question, prepared: Json) -> Json:
    """What a runner needs: the function, the order and types of its arguments, the runtime's driver, and what the machine
    must have so that the code does not die in the middle. With int64_as_int32 the module takes and gives
    int32 where the graph has int64 (narrow.py)."""
    out = {
        "module": MODULE,
        "function": prepared["function"],
        "driver": question.target.driver,
        "needs": question.target.needs,
        "inputs": prepared["inputs"],
        "outputs": prepared["outputs"],
    }
    return {**out, "int64_as_int32": True} if question.narrow else out


def precision(question: Question, prepared: Json) -> str:
    """IREE computes in the types the graph is written in, unless told to demote."""
    types = {port["type"] for port in prepared["outputs"]}
    if "tensor(bfloat16)" in types:
        return "bf16"
    return "fp16" if question.options.demote != "none" or "tensor(float16)" in types else "fp32"
