"""Models with FlexAttention, lowered and expanded by onnx-pack, and by onnx's own inliner as the judge."""

import pathlib
import subprocess
import tempfile

import numpy as np
import onnx
from onnx import TensorProto, helper
from onnx import inliner

from harness import PROGRAM

PREVIEW = "ai.onnx.preview"
NUMPY = {TensorProto.FLOAT: np.float32, TensorProto.DOUBLE: np.float64, TensorProto.FLOAT16: np.float16,
         TensorProto.INT64: np.int64, TensorProto.INT32: np.int32, TensorProto.BOOL: np.bool_}


def onnx_pack(*arguments: str) -> str:
    done = subprocess.run([str(PROGRAM), *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"onnx-pack {' '.join(arguments)}: {done.stderr}")
    return done.stdout


def lower(model: onnx.ModelProto, *flags: str) -> onnx.ModelProto:
    with tempfile.TemporaryDirectory() as folder:
        given, made = pathlib.Path(folder) / "given.onnx", pathlib.Path(folder) / "made.onnx"
        given.write_bytes(model.SerializeToString())
        onnx_pack("lower", str(given), *flags, "-o", str(made))
        return onnx.load(made)


def inlined(model: onnx.ModelProto) -> onnx.ModelProto:
    """The operator's function body, by onnx."""
    return inliner.inline_selected_functions(model, [(PREVIEW, "FlexAttention")], exclude=False, inline_schema_functions=True)


def operators(model: onnx.ModelProto) -> set:
    return {(node.domain, node.op_type) for node in model.graph.node}


class ModifierBuilder:
    """A modifier graph, node by node. Shapes inside are those of the tensor (B, Hq, L, S)."""

    def __init__(self, element: int = TensorProto.FLOAT, name: str = "score_mod"):
        self.element, self.name = element, name
        self.nodes, self.initializers, self.counter = [], [], 0

    def fresh(self, stem: str) -> str:
        self.counter += 1
        return f"{self.name}_{stem}{self.counter}"

    def op(self, op_type: str, *inputs: str, **attributes) -> str:
        out = self.fresh(op_type.lower())
        self.nodes.append(helper.make_node(op_type, list(inputs), [out], **attributes))
        return out

    def const(self, values, dtype=np.int64) -> str:
        name = self.fresh("c")
        self.initializers.append(onnx.numpy_helper.from_array(np.asarray(values, dtype=dtype), name))
        return name

    def real(self, value: float) -> str:
        return self.const(value, NUMPY[self.element])

    def axis(self, number: int) -> str:
        """Index along an axis of (B, Hq, L, S) as a vector that broadcasts along it."""
        shape = self.op("Shape", "in")
        size = self.op("Gather", shape, self.const(number), axis=0)
        indices = self.op("Range", self.const(0), size, self.const(1))
        form = [1, 1, 1, 1]
        form[number] = -1
        return self.op("Reshape", indices, self.const(form))

    def graph(self, result: str, sizes=("B", "H", "L", "S")) -> onnx.GraphProto:
        self.nodes.append(helper.make_node("Identity", [result], ["out"]))
        info = [helper.make_tensor_value_info(name, self.element, list(sizes)) for name in ("in", "out")]
        return helper.make_graph(self.nodes, self.name, info[:1], info[1:], self.initializers)


def flex_model(element: int, shapes: dict, captured: dict | None = None, score_mod=None, prob_mod=None, opset: int = 26, **attributes) -> onnx.ModelProto:
    """`shapes` of Q, K, V and Y; `captured` name -> (type, shape)."""
    if score_mod is not None:
        attributes["score_mod"] = score_mod
    if prob_mod is not None:
        attributes["prob_mod"] = prob_mod
    node = helper.make_node("FlexAttention", ["Q", "K", "V"], ["Y"], domain=PREVIEW, **attributes)
    inputs = [helper.make_tensor_value_info(name, element, shapes[name]) for name in "QKV"]
    inputs += [helper.make_tensor_value_info(name, *spec) for name, spec in (captured or {}).items()]
    graph = helper.make_graph([node], "flex", inputs, [helper.make_tensor_value_info("Y", element, shapes["Y"])])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset), helper.make_opsetid(PREVIEW, 1)], ir_version=10)
