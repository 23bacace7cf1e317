"""Stage `prepare`: from the package's model to MLIR that iree-compile reads. Runs in a process of its own.

Request: model, mlir (where to), input_shapes, free_dimensions, opset, device (IREE's text of the device to compile for, or
empty when flags say it), barriers (see barriers.py), narrow (int64 will be cut to int32). Answer: function, inputs, outputs, dynamic (what to type to close open dimensions), notes.
"""

from __future__ import annotations

import os

import onnx
from onnx import TensorProto

from . import external_data, narrow, shapes
from .protocol import Failed, Json, Refused

FUNCTION = "main"

# Older operators that IREE's importer has no form of ("BatchNormalization" before 14 among them) are raised to this.
LEAST_OPSET = 17

PROTOBUF_LIMIT = (1 << 31) - (1 << 20)

ONNX_TYPES = {
    TensorProto.FLOAT: "float",
    TensorProto.DOUBLE: "double",
    TensorProto.FLOAT16: "float16",
    TensorProto.BFLOAT16: "bfloat16",
    TensorProto.INT8: "int8",
    TensorProto.INT16: "int16",
    TensorProto.INT32: "int32",
    TensorProto.INT64: "int64",
    TensorProto.UINT8: "uint8",
    TensorProto.UINT16: "uint16",
    TensorProto.UINT32: "uint32",
    TensorProto.UINT64: "uint64",
    TensorProto.BOOL: "bool",
}


def main(request: Json) -> Json:
    model = load(request["model"])
    notes: list[str] = []
    inputs = graph_inputs(model.graph)
    fixed = shapes.apply(model.graph, inputs, request["input_shapes"], request["free_dimensions"])
    model = inline_functions(model)
    model = raise_opset(model, request["opset"], notes)
    model = infer_shapes(model, fixed, notes)
    inputs = graph_inputs(model.graph)
    answer = {
        "function": FUNCTION,
        "inputs": [port(value) for value in inputs],
        "outputs": [port(value) for value in model.graph.output],
        "dynamic": shapes.still_open(inputs),
        "node_count": len(model.graph.node),
        "notes": notes,
    }
    if request["narrow"]:
        narrow.int64(model.graph)
    # The name becomes the function's; what the exporter called the graph is nobody's business at run time.
    model.graph.name = FUNCTION
    import_mlir(model, request)
    return answer


def load(path: str) -> onnx.ModelProto:
    try:
        return onnx.load(path, load_external_data=False)
    except Exception as error:  # protobuf's own, of no common kind
        raise Failed(f"{path}: not read as ONNX: {first_line(error)}", stage="prepare") from error


def graph_inputs(graph: onnx.GraphProto) -> list[onnx.ValueInfoProto]:
    """The inputs that a caller gives: before IR 4 the list also names the initializers."""
    constants = {tensor.name for tensor in graph.initializer}
    out = [value for value in graph.input if value.name not in constants]
    for value in [*out, *graph.output]:
        kind = value.type.WhichOneof("value")
        if kind != "tensor_type" or value.type.tensor_type.elem_type not in ONNX_TYPES:
            raise Refused(
                f"'{value.name}' is {type_text(value)}, and IREE passes numeric tensors only",
                stage="prepare",
            )
    return out


def type_text(value: onnx.ValueInfoProto) -> str:
    kind = value.type.WhichOneof("value") or "of no type"
    if kind != "tensor_type":
        return f"a {kind.removesuffix('_type')}"
    return f"a tensor of {TensorProto.DataType.Name(value.type.tensor_type.elem_type).lower()}"


def port(value: onnx.ValueInfoProto) -> Json:
    tensor = value.type.tensor_type
    out: Json = {"name": value.name, "type": f"tensor({ONNX_TYPES[tensor.elem_type]})"}
    if tensor.HasField("shape"):
        out["shape"] = [shapes.describe(dimension) for dimension in tensor.shape.dim]
    return out


def first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__


def inline_functions(model: onnx.ModelProto) -> onnx.ModelProto:
    if not model.functions:
        return model
    from onnx import inliner

    return inliner.inline_local_functions(model)


def raise_opset(model: onnx.ModelProto, wanted: str, notes: list[str]) -> onnx.ModelProto:
    """Converts the model's own operator set upwards; a model that cannot be converted goes on as it is, and says so."""
    version = next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 0)
    goal = LEAST_OPSET if wanted == "auto" else version if wanted == "keep" else int(wanted)
    if version == 0 or version >= goal:
        return model
    from onnx import version_converter

    try:
        # What the converter does not know it drops: inputs of unknown rank, functions (inlined by now), metadata.
        return version_converter.convert_version(model, goal)
    except Exception as error:
        if wanted != "auto":
            raise Refused(
                f"opset {version} is not converted to {goal}: {first_line(error)}",
                hint="iree.opset=keep compiles the model as it is",
                stage="prepare",
            ) from error
        notes.append(f"opset {version} is kept, since conversion to {goal} failed: {first_line(error)}")
        return model


def infer_shapes(model: onnx.ModelProto, fixed: bool, notes: list[str]) -> onnx.ModelProto:
    """Small constants decide shapes and are inline; the large ones stay outside meanwhile, so 2 GB is no limit here."""
    if fixed:
        shapes.forget_symbols([*model.graph.value_info, *model.graph.output])
    if model.ByteSize() > PROTOBUF_LIMIT:
        notes.append("shapes are not inferred: more than 2 GB of inline weights")
        return model
    try:
        return onnx.shape_inference.infer_shapes(model, data_prop=True)
    except Exception as error:
        notes.append(f"shape inference stopped: {first_line(error)}")
        return model


def import_mlir(model: onnx.ModelProto, request: Json) -> None:
    from iree.compiler.extras import onnx_importer
    from iree.compiler.ir import Attribute, Context

    from . import barriers

    device = request["device"]
    external_data.load(model, os.path.dirname(request["model"]))
    context = Context()
    info = onnx_importer.ModelInfo(model)
    module = info.create_module(context=context).operation
    try:
        onnx_importer.NodeImporter.define_function(info.main_graph, module).import_all()
        module.verify()
    except Exception as error:  # OnnxImportError, MLIRError, KeyError, AssertionError: whatever met the graph first
        raise Refused(f"IREE's importer: {first_line(error)}", hint=import_hint(error), stage="import") from error
    if request["barriers"]:
        barriers.insert(module, context)
    if device:
        module.attributes["hal.device.targets"] = Attribute.parse(f"[{device}]", context)
    with open(request["mlir"], "wb") as file:
        # Bytecode, not text: text is twice the weights' size in hexadecimal digits.
        module.write_bytecode(file)


def import_hint(error: BaseException) -> str:
    if "unsupported" in str(error).lower() or isinstance(error, KeyError):
        return "compile for this target with another backend, or give the model without that operator"
    return ""


