"""Keeps what writes a tensor apart from what pads or joins it.

IREE's SPIR-V code writes two or four elements at once, and takes for granted that they start at a multiple of that. Where
it lets an operator write straight into the middle of a padded or joined tensor, they do not (a row of 98 from its second
element), and the neighbours are overwritten: PP-OCR's classifier, a pointwise convolution before a padded depthwise one, was
wrong by half. A barrier between the two has the padding copied instead, which is right and costs one copy. (Padding in the
reader, --iree-dispatch-creation-enable-fuse-padding-into-linalg-consumer-ops, is right too, but its code is larger: 67 s
instead of 3 until a software driver has translated it, and it does nothing for joined tensors.)
"""

from __future__ import annotations

import math
import re
from typing import Any

from iree.compiler.ir import Context, InsertionPoint, Location, Operation, Type

# Of fixed shape: SPIR-V code for open ones is not vectorised, and a barrier would keep shapes open that close later.
VTENSOR = re.compile(r"^!torch\.vtensor<\[([\d,]*)\],(\w+)>$")
WRITTEN_AT_ONCE = 4  # elements
PADDED = ("onnx.Conv", "onnx.ConvTranspose", "onnx.MaxPool", "onnx.AveragePool", "onnx.Pad")


def insert(module: Operation, context: Context) -> int:
    """Returns how many barriers there are now."""
    context.allow_unregistered_dialects = True
    count = 0
    for operation in [found for found in _walk(module) if found.name == "torch.operator"]:
        for index in _operands_written_into(operation):
            kept = _barrier(operation, operation.operands[index], context)
            if kept is not None:
                operation.operands[index] = kept
                count += 1
    return count


def _walk(operation: Operation) -> Any:
    for region in operation.regions:
        for block in region.blocks:
            for inner in block.operations:
                yield inner.operation
                yield from _walk(inner.operation)


def _operands_written_into(operation: Operation) -> range:
    name = operation.attributes["name"].value
    if name == "onnx.Concat":
        return range(0) if _joins_evenly(operation) else range(len(operation.operands))
    if name not in PADDED:
        return range(0)
    if name != "onnx.Pad" and not _has_padding(operation):
        return range(0)
    return range(1)


def _joins_evenly(operation: Operation) -> bool:
    """Whether every part of a Concat begins at a multiple of what is written at once. Then it is right as it is, and a barrier would
    do harm: PP-OCR's detector comes out wrong with barriers at its aligned Concats beside those at its padded convolutions."""
    shapes = [VTENSOR.match(str(operand.type)) for operand in operation.operands]
    if not all(shapes) or "torch.onnx.axis" not in operation.attributes:
        return False
    axis = operation.attributes["torch.onnx.axis"].value
    sizes = [[int(size) for size in shape[1].split(",") if size] for shape in shapes if shape]
    return all(math.prod(size[axis:]) % WRITTEN_AT_ONCE == 0 for size in sizes)


def _has_padding(operation: Operation) -> bool:
    attributes = operation.attributes
    if "torch.onnx.auto_pad" in attributes and attributes["torch.onnx.auto_pad"].value not in ("NOTSET", "VALID"):
        return True
    if "torch.onnx.pads" not in attributes:
        return False
    return any(value.value != 0 for value in attributes["torch.onnx.pads"])


def _barrier(before: Operation, value: Any, context: Context) -> Any:
    found = VTENSOR.match(str(value.type))
    if found is None:
        return None
    sizes, element = found[1], found[2].removeprefix("s" if found[2].startswith("si") else "u" if found[2].startswith("ui") else "")
    builtin = Type.parse("tensor<" + "".join(f"{size}x" for size in sizes.split(",") if size) + f"{element}>", context)
    with InsertionPoint(before), Location.unknown(context):
        there = Operation.create("torch_c.to_builtin_tensor", results=[builtin], operands=[value])
        kept = Operation.create("util.optimization_barrier", results=[builtin], operands=[there.result])
        return Operation.create("torch_c.from_builtin_tensor", results=[value.type], operands=[kept.result]).result
