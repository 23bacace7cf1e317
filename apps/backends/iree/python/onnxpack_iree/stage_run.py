"""Stage `run`: a module in IREE's runtime, timed. In a process of its own, since code for the wrong device kills it.

Request: module, function, driver, device (its path; empty: the first), threads, narrow (the module has int32 for the graph's int64), inputs, outputs, warmup, runs. Answer: outputs, session_ms, first_run_ms, run_ms.
"""

from __future__ import annotations

import os
import time
from typing import Any

import numpy
from iree import runtime
from iree.runtime import array_interop

from .protocol import Failed, Json, Refused
from .tensors import numpy_name


def main(request: Json) -> Json:
    inputs = [read(tensor, request["narrow"]) for tensor in request["inputs"]]
    set_threads(request["threads"])
    began = time.perf_counter()
    device, notes = open_device(request["driver"], request["device"])
    function, context = load(device, request["module"], request["function"])
    session_ms = milliseconds_since(began)
    call = Call(device, function, context, inputs, len(request["outputs"]))

    began = time.perf_counter()
    call.once()
    first_run_ms = milliseconds_since(began)
    for _ in range(request["warmup"]):
        call.once()
    run_ms = []
    results: list[numpy.ndarray] = []
    for _ in range(request["runs"]):
        began = time.perf_counter()
        results = call.once()
        run_ms.append(milliseconds_since(began))
    return {
        "outputs": [write(port, result, request["narrow"]) for port, result in zip(request["outputs"], results)],
        "session_ms": session_ms,
        "first_run_ms": first_run_ms,
        "run_ms": run_ms,
        "notes": notes,
    }


def milliseconds_since(began: float) -> float:
    return (time.perf_counter() - began) * 1e3


def read(tensor: Json, narrow: bool) -> numpy.ndarray:
    value = numpy.fromfile(tensor["path"], dtype=numpy_name(tensor["type"])).reshape(tensor["shape"])
    if not narrow or value.dtype != numpy.int64:
        return value
    if value.size and (value.min() < -(2**31) or value.max() >= 2**31):
        raise Refused(
            f"input '{tensor['name']}' holds numbers beyond 32 bits, in which this variant computes integers", stage="run"
        )
    return value.astype(numpy.int32)


def write(port: Json, value: numpy.ndarray, narrow: bool) -> Json:
    wanted = numpy_name(port["type"])
    if narrow and wanted == "int64" and value.dtype == numpy.int32:
        value = value.astype(numpy.int64)
    if value.dtype.name != wanted:
        raise Failed(f"output '{port['name']}' is {value.dtype.name}, expected {wanted}", stage="run")
    numpy.ascontiguousarray(value).tofile(port["path"])
    return {
        "name": port["name"],
        "type": port["type"],
        "shape": list(value.shape),
        "path": os.path.basename(port["path"]),
    }


def set_threads(count: int) -> None:
    if count > 1:
        runtime.flags.parse_flags(f"--task_topology_group_count={count}")


def open_device(name: str, path: str) -> tuple[Any, list[str]]:
    """Errors: refused when the driver finds no device, with what it said."""
    if name.startswith("local"):
        return runtime.get_device(name), []
    try:
        driver = runtime.get_driver(name)
        found = driver.query_available_devices()
    except Exception as error:  # RuntimeError of several makes: no loader library, no driver behind it
        raise Refused(f"no {name} device: {short(error)}", stage="run") from error
    device = next((each for each in found if path in ("", each.get("path"))), None)
    if device is None:
        raise Refused(f"no {name} device: the driver lists {f'none of path {path}' if found else 'none'}", stage="run")
    try:
        opened = driver.create_device(device)
    except Exception as error:  # RuntimeError: a GPU below what the driver asks, one that another process has
        raise Refused(f"the {name} device {device.get('name', '')} does not open: {short(error)}", stage="run") from error
    return opened, [f"device: {device.get('name', name)}"]


def load(device: Any, path: str, function: str) -> tuple[Any, Any]:
    instance = runtime.VmInstance()
    try:
        module = runtime.VmModule.mmap(instance, path)
        context = runtime.VmContext(instance, modules=[runtime.create_hal_module(instance, device), module])
    except Exception as error:  # RuntimeError, ValueError: as the status code would have it
        raise Failed(f"the runtime does not take the module: {short(error)}", stage="run") from error
    found = module.lookup_function(function)
    if found is None:
        raise Failed(f"the module has no function '{function}'", stage="run")
    return found, context


class Call:
    """One invocation after another. The inputs go to the device each time and the outputs come back, as for a caller.

    On buffer views rather than the bindings' arrays: their way back from a Vulkan device imports numpy's memory, whose
    alignment the driver may not take (seen with Mesa's software driver).
    """

    def __init__(self, device: Any, function: Any, context: Any, inputs: list[numpy.ndarray], outputs: int) -> None:
        self._device = device
        self._function = function
        self._context = context
        self._inputs = inputs
        self._outputs = outputs

    def once(self) -> list[numpy.ndarray]:
        arguments, results = runtime.VmVariantList(len(self._inputs)), runtime.VmVariantList(self._outputs)
        try:
            for value in self._inputs:
                arguments.push_ref(self._to_device(value))
            self._context.invoke(self._function, arguments, results)
            return [self._to_host(results.get_as_object(i, runtime.HalBufferView)) for i in range(self._outputs)]
        except Exception as error:
            raise Failed(f"the run failed: {short(error)}", stage="run") from error

    def _to_device(self, value: numpy.ndarray) -> Any:
        return self._device.allocator.allocate_buffer_copy(
            memory_type=runtime.MemoryType.DEVICE_LOCAL,
            allowed_usage=runtime.BufferUsage.DEFAULT | runtime.BufferUsage.MAPPING,
            device=self._device,
            buffer=value,
            element_type=array_interop.map_dtype_to_element_type(value.dtype),
        )

    def _to_host(self, view: Any) -> numpy.ndarray:
        dtype = runtime.HalElementType.map_to_dtype(view.element_type)
        buffer = view.get_buffer()
        mappable = all(
            flags & int(wanted) == int(wanted)
            for flags, wanted in (
                (buffer.memory_type(), runtime.MemoryType.HOST_VISIBLE),
                (buffer.allowed_usage(), runtime.BufferUsage.MAPPING_SCOPED),
            )
        )
        if not mappable:
            buffer = self._staged(buffer)
        return numpy.array(buffer.map().asarray(view.shape, dtype))

    def _staged(self, source: Any) -> Any:
        staging = self._device.allocator.allocate_buffer(
            memory_type=int(runtime.MemoryType.HOST_LOCAL | runtime.MemoryType.DEVICE_VISIBLE),
            allowed_usage=int(runtime.BufferUsage.TRANSFER_TARGET | runtime.BufferUsage.MAPPING_SCOPED),
            allocation_size=source.byte_length(),
        )
        semaphore = self._device.create_semaphore(0)
        done = runtime.HalFence.create_at(semaphore, 1)
        self._device.queue_copy(
            source, staging, wait_semaphores=runtime.HalFence.create_at(semaphore, 0), signal_semaphores=done
        )
        done.wait()
        return staging


def short(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:400]
