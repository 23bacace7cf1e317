"""`run`: a variant of this backend on this machine, native or emulated; or NOT RUN with the reason."""

from __future__ import annotations

import json
import os
import re
import statistics

from . import child, cpu, devices, installation, stages, tensors, vulkan
from .protocol import Events, Failed, Json, Refused

HOW_TO_GET = {
    "vulkan": vulkan.HOW_TO_GET_A_DEVICE,
    "cuda": "run it on a machine with an NVIDIA GPU and its driver",
    "hip": "run it on a machine with an AMD GPU and ROCm's HIP runtime",
    "metal": "run it on a Mac",
}


class Job:
    """A run request, checked against what this backend made."""

    def __init__(self, request: Json) -> None:
        self.request = request
        variant = request.get("variant")
        if variant is None:
            raise Refused("this backend runs its own variants, not original graphs", hint="backend onnxruntime does", stage="run")
        self.info = variant.get("executor_info", {}).get("iree")
        if not isinstance(self.info, dict):
            raise Refused(f"variant '{variant.get('name', '')}' has no executor_info for iree", stage="run")
        blobs = [blob for partition in variant.get("partitions", []) for blob in partition["blobs"]]
        if len(blobs) != 1:
            raise Refused(f"expected a variant of one module, found {len(blobs)} blobs", stage="run")
        self.module = os.path.join(request["root"], blobs[0]["path"])
        given = {tensor["name"]: tensor for tensor in request.get("inputs", [])}
        missing = [port["name"] for port in self.info["inputs"] if port["name"] not in given]
        if missing:
            raise Failed(f"no tensor given for input '{missing[0]}'", stage="run")
        self.inputs = [checked(given[port["name"]], port) for port in self.info["inputs"]]
        self.runs = max(1, request.get("runs", 1))
        self.warmup = request.get("warmup", 0)
        self.threads = request.get("threads", 0)

    def output_path(self, index: int) -> str:
        return os.path.join(self.request["output_dir"], f"{index}.bin")


def checked(tensor: Json, port: Json) -> Json:
    """The module trusts sizes: a tensor of another shape must not reach it."""
    wanted = port.get("shape")
    fits = wanted is None or (
        len(wanted) == len(tensor["shape"])
        and all(not isinstance(size, int) or size == got for size, got in zip(wanted, tensor["shape"]))
    )
    if not fits:
        raise Refused(
            f"input '{port['name']}' is {tensor['shape']}, the variant was compiled for {wanted}",
            hint="give inputs of that shape, or build a variant for this one with --input-shape",
            stage="run",
        )
    if tensor["type"] != port["type"]:
        raise Failed(f"input '{port['name']}' is {tensor['type']}, the variant takes {port['type']}", stage="run")
    expected = tensors.byte_size(tensor["type"], tensor["shape"])
    found = os.path.getsize(tensor["path"])
    if found != expected:
        raise Failed(f"{tensor['path']}: expected {expected} bytes for {tensor['shape']}, found {found}", stage="run")
    return tensor


def run(request: Json, events: Events) -> Json:
    job = Job(request)
    found = installation.find()
    if not found.runtime_version:
        raise Refused("IREE's runtime is not installed", installation.hint(), "run")
    if job.info["driver"] == "vulkan":
        return run_vulkan(job, found.runtime_version, events)
    if job.info["driver"] != "local":
        return run_native(job, job.info["driver"], found.runtime_version, events)
    needs = job.info.get("needs", {})
    arch = needs.get("arch", "")
    if arch and arch != cpu.host_arch():
        return run_emulated(job, arch, found.runtime_version, events)
    check_cpu(needs)
    # One thread needs no task system, whose hand-over between threads costs more than it gains there.
    return run_native(job, "local-sync" if job.threads == 1 else "local-task", found.runtime_version, events)


def check_cpu(needs: Json) -> None:
    """IREE's loader does not look: code for another CPU ends in SIGILL."""
    wanted = set(needs.get("cpu_features", []))
    has = cpu.host_features()
    if has is None:
        raise Refused("this system does not say which instruction sets the CPU has", stage="run")
    missing = sorted(wanted - has)
    if missing:
        raise Refused(f"the variant needs {', '.join(missing)}, which this CPU does not have", stage="run")


def run_vulkan(job: Job, version: str, events: Events) -> Json:
    device = devices.chosen(devices.vulkan_devices(events))
    if device is None:  # the runtime says why
        return run_native(job, "vulkan", version, events)
    vulkan.check_device(job.info.get("needs", {}), device)
    answer = run_native(job, "vulkan", version, events, device.path, vulkan.SOFTWARE_ENVIRONMENT if device.software else None)
    if device.software:
        answer["notes"].append("a software driver: right or wrong, but no measure of speed")
    return answer


def run_native(
    job: Job, driver: str, version: str, events: Events, device: str = "", variables: dict[str, str] | None = None
) -> Json:
    asked = {
        "module": job.module,
        "function": job.info["function"],
        "driver": driver,
        "device": device,
        "threads": job.threads,
        "narrow": bool(job.info.get("int64_as_int32")),
        "inputs": job.inputs,
        "outputs": [{**port, "path": job.output_path(i)} for i, port in enumerate(job.info["outputs"])],
        "warmup": job.warmup,
        "runs": job.runs,
    }
    try:
        answer = stages.call("run", asked, job.request["scratch_dir"], events, variables=variables)
    except Refused as refused:
        raise Refused(refused.reason, hint=refused.hint or HOW_TO_GET.get(driver, ""), stage="run") from refused
    return {
        "outputs": answer["outputs"],
        "timings": timings(answer["session_ms"], answer["first_run_ms"], answer["run_ms"]),
        "runtime": f"iree {version}",
        "notes": answer["notes"],
    }


def timings(session_ms: float, first_run_ms: float, run_ms: list[float]) -> Json:
    ordered = sorted(run_ms)
    last = len(ordered) - 1
    return {
        "session_ms": round(session_ms, 3),
        "first_run_ms": round(first_run_ms, 3),
        "median_ms": round(statistics.median(ordered), 3),
        "p10_ms": round(ordered[round(0.1 * last)], 3),
        "p90_ms": round(ordered[round(0.9 * last)], 3),
        "runs": len(ordered),
    }


def run_emulated(job: Job, arch: str, version: str, events: Events) -> Json:
    runtime, missing, hint = installation.emulated(arch)
    if runtime is None:
        raise Refused(f"the variant is for {arch} and this machine is {cpu.host_arch()}; {missing}", hint=hint, stage="run")
    arguments = [f"--device=local-sync", f"--module={job.module}", f"--function={job.info['function']}"]
    arguments += [f"--input={tensors.runner_text(t['type'], t['shape'])}=@{t['path']}" for t in job.inputs]
    events.progress("run", 0.0)
    outputs = [f"--output=@{job.output_path(i)}" for i in range(len(job.info["outputs"]))]
    finished = child.run([*runtime.command("iree-run-module"), *arguments, *outputs], events)
    if finished.code != 0:
        raise emulation_failed(finished, arch)
    emulator = os.path.basename(runtime.emulator)
    answer: Json = {
        "outputs": [output_of(job, index, port) for index, port in enumerate(job.info["outputs"])],
        "runtime": f"iree {version}",
        "notes": [f"emulated by {emulator}: right or wrong, but no measure of speed"],
    }
    if job.runs > 1:
        events.progress("run", 0.5)
        answer["timings"] = emulated_timings(runtime, job, arguments, events)
    return answer


def emulation_failed(finished: child.Finished, arch: str) -> Failed:
    lines = [line for line in finished.output.splitlines() if line.strip()]
    last = lines[-1] if lines else "it said nothing"
    how = f"ended by {finished.signal_name}" if finished.code < 0 else f"exit code {finished.code}"
    return Failed(f"iree-run-module for {arch}, emulated: {how}: {last[:300]}", stage="run")


def output_of(job: Job, index: int, port: Json) -> Json:
    shape = port.get("shape")
    path = job.output_path(index)
    if shape is None or not all(isinstance(size, int) for size in shape):
        raise Refused(f"output '{port['name']}' has open dimensions, which the emulated runner does not tell", stage="run")
    if os.path.getsize(path) != tensors.byte_size(port["type"], shape):
        raise Failed(f"output '{port['name']}': expected {shape}, found {os.path.getsize(path)} bytes", stage="run")
    return {"name": port["name"], "type": port["type"], "shape": shape, "path": os.path.basename(path)}


def emulated_timings(runtime: installation.Emulated, job: Job, arguments: list[str], events: Events) -> Json:
    command = [
        *runtime.command("iree-benchmark-module"),
        *arguments,
        f"--benchmark_repetitions={job.runs}",
        "--benchmark_min_time=1x",
        "--benchmark_format=json",
    ]
    finished = child.run(command, events)
    found = re.search(r"^\{.*^\}", finished.output, re.DOTALL | re.MULTILINE)
    if finished.code != 0 or not found:
        raise emulation_failed(finished, job.info["needs"]["arch"])
    scale = {"ns": 1e-6, "us": 1e-3, "ms": 1.0, "s": 1e3}
    measured = [
        entry["real_time"] * scale[entry["time_unit"]]
        for entry in json.loads(found[0])["benchmarks"]
        if entry.get("run_type") == "iteration"
    ]
    return timings(0.0, measured[0], measured)
