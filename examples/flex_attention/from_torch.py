#!/usr/bin/env python3
"""PyTorch's flex_attention as ai.onnx.preview::FlexAttention: what torch.onnx cannot export ("No ONNX function found").

    import torch, from_torch
    program = torch.export.export(model, inputs)                 # a model that calls flex_attention, mask_mod and score_mod in Python
    onnx.save(from_torch.to_onnx(program), "model.onnx")         # then onnx-pack build, or lower, as ever

usage: from_torch.py OUTPUT.onnx writes a small Llama of Hugging Face's with random weights and attn_implementation="flex_attention".

torch.export keeps flex_attention as a higher-order operator with its modifiers as graphs of their own. Here each such node becomes a
placeholder, torch.onnx exports everything else, and the placeholder becomes a FlexAttention node whose score_mod is the translated
Where(mask_mod, score_mod, -inf); tensors that the modifiers close over are captured by name. The block mask goes: which tiles are empty is
found from the modifier. A row that is masked whole gives NaN, as the operator says; PyTorch gives zeros, and so does to_onnx(..., zero_masked_rows=True), by
a prob_mod, at the cost of a second pass over the keys.

Needs torch 2.6 or newer with onnxscript, and transformers for the command.
"""

import argparse
import operator

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper

from modifier import BATCH, HEAD, KEY, PREVIEW, QUERY, Modifier

PLACEHOLDER = "onnxpack.import"


@torch.library.custom_op("onnxpack::flex_attention", mutates_args=())
def placeholder(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, captured: list[torch.Tensor], number: int) -> torch.Tensor:
    raise NotImplementedError("stands for a flex_attention while the rest is exported")


@placeholder.register_fake
def _(q, k, v, captured, number):
    # In the order of Q's strides, as flex_attention's own result: views behind it count on that.
    order = sorted(range(4), key=lambda axis: q.stride(axis), reverse=True)
    out = q.new_empty([(*q.shape[:-1], v.shape[-1])[axis] for axis in order])
    return out.permute([order.index(axis) for axis in range(4)])


# --- modifiers ---------------------------------------------------------------------------------------------------------------

REAL, WHOLE, TRUTH = "real", "whole", "truth"


class Value:
    """A tensor of the modifier graph: its name there and what it holds."""

    def __init__(self, name: str, kind: str):
        self.name, self.kind = name, kind


def kind_of(dtype: torch.dtype) -> str:
    return TRUTH if dtype == torch.bool else REAL if dtype.is_floating_point else WHOLE


class Translator:
    """The nodes of score_mod or mask_mod, which see one score at a time, as operators over all of them."""

    def __init__(self, modifier: Modifier):
        self.m = modifier
        a = torch.ops.aten
        plain = {a.exp: "Exp", a.log: "Log", a.tanh: "Tanh", a.sigmoid: "Sigmoid", a.sqrt: "Sqrt", a.erf: "Erf", a.sin: "Sin", a.cos: "Cos"}
        compare = {a.eq: "Equal", a.lt: "Less", a.le: "LessOrEqual", a.gt: "Greater", a.ge: "GreaterOrEqual"}
        logical = {a.logical_and: "And", a.bitwise_and: "And", a.__and__: "And", a.logical_or: "Or", a.bitwise_or: "Or", a.__or__: "Or",
                   a.logical_xor: "Xor", a.bitwise_xor: "Xor"}
        self.table = {packet: (lambda args, op=op: self.unary(op, self.real(args[0]))) for packet, op in plain.items()}
        self.table |= {packet: (lambda args, op=op: Value(self.m.op(op, *self.alike(*args[:2])), TRUTH)) for packet, op in compare.items()}
        self.table |= {packet: (lambda args, op=op: Value(self.m.op(op, *(self.truth(x).name for x in args[:2])), TRUTH)) for packet, op in logical.items()}
        self.table |= {packet: (lambda args, op=op: self.arithmetic(op, *args[:2]))
                       for packet, op in {a.add: "Add", a.sub: "Sub", a.mul: "Mul", a.minimum: "Min", a.maximum: "Max"}.items()}
        self.table |= {packet: (lambda args: self.value(args[0])) for packet in (a.alias, a.clone, a.detach, a.lift_fresh_copy)}
        self.table |= {
            a.div: self.divide, a.floor_divide: lambda args: self.floor_divide(*args[:2]), a.remainder: lambda args: self.arithmetic("Mod", *args[:2]),
            a.neg: lambda args: self.keeping("Neg", args[0]), a.abs: lambda args: self.keeping("Abs", args[0]), a.relu: lambda args: self.keeping("Relu", args[0]),
            a.rsqrt: lambda args: self.unary("Reciprocal", self.unary("Sqrt", self.real(args[0]))), a.reciprocal: lambda args: self.unary("Reciprocal", self.real(args[0])),
            a.pow: lambda args: self.unary("Pow", self.real(args[0]), self.real(args[1])),
            a.clamp: self.clamp, a.clamp_min: lambda args: self.arithmetic("Max", *args[:2]), a.clamp_max: lambda args: self.arithmetic("Min", *args[:2]),
            a.ne: lambda args: self.negated(Value(self.m.op("Equal", *self.alike(*args[:2])), TRUTH)),
            a.logical_not: lambda args: self.negated(self.truth(args[0])), a.bitwise_not: lambda args: self.negated(self.truth(args[0])),
            a.where: self.where, a.index: self.look_up, a.full: lambda args: self.value(args[1]), a.scalar_tensor: lambda args: self.value(args[0]),
        }

    def run(self, graph_module, arguments):
        values = dict(zip((n for n in graph_module.graph.nodes if n.op == "placeholder"), arguments, strict=True))
        for node in graph_module.graph.nodes:
            if node.op == "placeholder":
                continue
            if node.op == "get_attr":
                values[node] = self.constant(getattr(graph_module, node.target))
            elif node.op == "call_function":
                values[node] = self.call(node, torch.fx.node.map_arg(list(node.args), lambda n: values[n]), node.kwargs)
            elif node.op == "output":
                result = node.args[0]
                return self.value(values[result[0] if isinstance(result, (tuple, list)) else result])
        raise ValueError("a modifier without output")

    def call(self, node, args, kwargs):
        packet = getattr(node.target, "overloadpacket", node.target)
        if packet is torch.ops.aten._to_copy or packet is torch.ops.aten.to:
            return self.cast(self.value(args[0]), kwargs.get("dtype") or next(x for x in args[1:] if isinstance(x, torch.dtype)))
        if packet not in self.table:
            raise NotImplementedError(f"{node.target} in a modifier of flex_attention")
        rounding = kwargs.get("rounding_mode")
        if rounding == "floor":
            return self.floor_divide(*args[:2])
        if rounding or kwargs.get("alpha", 1) != 1:
            raise NotImplementedError(f"{node.target} with {dict(kwargs)} in a modifier of flex_attention")
        return self.table[packet](args)

    def constant(self, tensor):
        if tensor.numel() != 1:
            raise NotImplementedError("a constant tensor in a modifier of flex_attention")
        return self.value(tensor.item())

    def value(self, x):
        if isinstance(x, Value):
            return x
        if isinstance(x, bool):
            return Value(self.m.constant(x, np.bool_), TRUTH)
        return Value(self.m.constant(x), WHOLE) if isinstance(x, int) else Value(self.m.number(x), REAL)

    def real(self, x):
        x = self.value(x)
        return x if x.kind == REAL else Value(self.m.to_real(x.name), REAL)

    def whole(self, x):
        x = self.value(x)
        return x if x.kind == WHOLE else Value(self.m.op("Cast", x.name, to=TensorProto.INT64), WHOLE)

    def truth(self, x):
        x = self.value(x)
        return x if x.kind == TRUTH else Value(self.m.op("Cast", x.name, to=TensorProto.BOOL), TRUTH)

    def cast(self, x, dtype):
        return {REAL: self.real, WHOLE: self.whole, TRUTH: self.truth}[kind_of(dtype)](x)

    def both(self, a, b):
        a, b = self.value(a), self.value(b)
        to = self.real if REAL in (a.kind, b.kind) else self.whole
        return to(a), to(b)

    def alike(self, a, b):
        return [x.name for x in self.both(a, b)]

    def unary(self, op, *values):
        return Value(self.m.op(op, *(v.name for v in values)), REAL)

    def arithmetic(self, op, a, b):
        a, b = self.both(a, b)
        if op == "Mod" and a.kind == REAL:
            # x - floor(x / y) y: Mod of floats has the sign of x.
            whole = self.m.op("Floor", self.m.op("Div", a.name, b.name))
            return Value(self.m.op("Sub", a.name, self.m.op("Mul", whole, b.name)), REAL)
        return Value(self.m.op(op, a.name, b.name), a.kind)

    def keeping(self, op, x):
        x = self.value(x)
        x = self.whole(x) if x.kind == TRUTH else x
        return Value(self.m.op(op, x.name), x.kind)

    def negated(self, x):
        return Value(self.m.op("Not", x.name), TRUTH)

    def divide(self, args):
        return Value(self.m.op("Div", self.real(args[0]).name, self.real(args[1]).name), REAL)

    def floor_divide(self, a, b):
        a, b = self.both(a, b)
        if a.kind == REAL:
            return Value(self.m.op("Floor", self.m.op("Div", a.name, b.name)), REAL)
        # Div of whole numbers rounds towards zero.
        return Value(self.m.op("Div", self.m.op("Sub", a.name, self.m.op("Mod", a.name, b.name)), b.name), WHOLE)

    def clamp(self, args):
        out = self.value(args[0])
        for op, bound in zip(("Max", "Min"), args[1:]):
            if bound is not None:
                out = self.arithmetic(op, out, bound)
        return out

    def where(self, args):
        yes, no = self.both(args[1], args[2])
        return Value(self.m.op("Where", self.truth(args[0]).name, yes.name, no.name), yes.kind)

    def look_up(self, args):
        table, places = args
        if any(place is None for place in places) or len(places) != table.rank:
            raise NotImplementedError("an index of a captured tensor that gives no single element")
        # Tables of truths are looked up as numbers.
        held = self.whole(table) if table.kind == TRUTH else table
        return Value(self.m.look_up(held.name, *(self.whole(p).name for p in places)), held.kind)


class Captured(Value):
    """A tensor of the graph around the modifier."""

    def __init__(self, name, tensor, modifier):
        kind = kind_of(tensor.dtype)
        if kind == REAL and tensor.dtype != torch.float32:
            name = modifier.to_real(name)
        elif kind == WHOLE and tensor.dtype != torch.int64:
            name = modifier.op("Cast", name, to=TensorProto.INT64)
        super().__init__(name, kind)
        self.rank = tensor.dim()


def translate(attention, captured_names):
    """score_mod of one flex_attention, as an ONNX graph; None where it changes nothing."""
    m = Modifier()
    names = iter(captured_names)
    score_others, mask_others = ([Captured(next(names), tensor, m) for tensor in some] for some in attention["captured"])
    indices = [Value(m.index(axis), WHOLE) for axis in (BATCH, HEAD, QUERY, KEY)]
    translator = Translator(m)
    score = translator.real(translator.run(attention["score_mod"], [Value(m.score, REAL), *indices, *score_others]))
    seen = translator.truth(translator.run(attention["mask_mod"], [*indices, *mask_others]))
    return m.graph(m.op("Expand", m.hide_unless(seen.name, score.name), m.op("Shape", m.score)))


def zeros_for_nan():
    m = Modifier("prob_mod")
    return m.graph(m.op("Where", m.op("IsNaN", m.score), m.number(0), m.score))


# --- the graph around them ---------------------------------------------------------------------------------------------------

def take_attentions(program):
    """Puts a placeholder for each flex_attention of an exported program; gives what each one was."""
    module, attentions = program.graph_module, []
    graph = module.graph
    for node in list(graph.nodes):
        if node.target is not torch.ops.higher_order.flex_attention:
            continue
        q, k, v, score_mod, block_mask, scale, options, score_others, mask_others = node.args
        if options.get("OUTPUT_LOGSUMEXP") and any(user.args[1] != 0 for user in node.users if user.users):
            raise NotImplementedError("a flex_attention whose logsumexp is used")
        tensor = lambda n: n.meta["val"]
        attentions.append({"score_mod": getattr(module, score_mod.target), "mask_mod": getattr(module, block_mask[-1].target), "scale": float(scale),
                           "captured": ([tensor(n) for n in score_others], [tensor(n) for n in mask_others])})
        with graph.inserting_before(node):
            stands = graph.call_function(torch.ops.onnxpack.flex_attention.default, (q, k, v, [*score_others, *mask_others], len(attentions) - 1))
        stands.meta = {"val": node.meta["val"][0]}
        for user in list(node.users):
            if user.target is operator.getitem and user.args[1] == 0:
                user.replace_all_uses_with(stands)
            graph.erase_node(user)
        graph.erase_node(node)
    # Assertions keep what only the block mask needed alive, a stable sort among it, which has no ONNX form.
    for node in list(graph.nodes):
        if getattr(node.target, "overloadpacket", None) is torch.ops.aten._assert_tensor_metadata:
            graph.erase_node(node)
    graph.eliminate_dead_code()
    module.recompile()
    return attentions


def placeholder_schema():
    schema = onnx.defs.OpSchema
    parameter, any_tensor = schema.FormalParameter, [f"tensor({t})" for t in ("float", "float16", "bfloat16", "double", "int64", "int32", "bool", "int8", "uint8", "int16")]
    # Q, K, V and whatever is captured, which may be nothing.
    all_inputs = parameter("inputs", "U", param_option=schema.FormalParameterOption.Variadic, is_homogeneous=False)
    return schema("FlexAttention", PLACEHOLDER, 1, inputs=[all_inputs], outputs=[parameter("Y", "T")],
                  type_constraints=[("T", any_tensor, ""), ("U", any_tensor, "")], attributes=[schema.Attribute("number", schema.AttrType.INT)])


def to_onnx(program: torch.export.ExportedProgram, zero_masked_rows: bool = False) -> onnx.ModelProto:
    import onnxscript

    program = program.run_decompositions()
    attentions = take_attentions(program)
    stands_for = onnxscript.values.Op(onnxscript.values.Opset(PLACEHOLDER, 1), "FlexAttention", placeholder_schema())

    def stand(q, k, v, captured, number: int):
        return stands_for(q, k, v, *captured, number=number)

    exported = torch.onnx.export(program, dynamo=True, optimize=False, verbose=False,
                                 custom_translation_table={torch.ops.onnxpack.flex_attention.default: stand})
    model = exported.model_proto
    for node in model.graph.node:
        if node.domain != PLACEHOLDER:
            continue
        attention = attentions[node.attribute[0].i]
        captured = list(node.input[3:])
        del node.input[3:], node.attribute[:]
        node.domain = PREVIEW
        node.attribute.append(helper.make_attribute("scale", attention["scale"]))
        node.attribute.append(helper.make_attribute("score_mod", translate(attention, captured)))
        if zero_masked_rows:
            node.attribute.append(helper.make_attribute("prob_mod", zeros_for_nan()))
    kept = [entry for entry in model.opset_import if entry.domain != PLACEHOLDER]
    del model.opset_import[:]
    model.opset_import.extend([*kept, helper.make_opsetid(PREVIEW, 1)])
    model.ir_version = 10
    return model


# --- a model of Hugging Face's -----------------------------------------------------------------------------------------------

def small_llama(attention="flex_attention", seed=0):
    """A Llama with random weights that calls flex_attention, or what else Hugging Face calls; its module takes token ids and gives logits."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(vocab_size=64, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
                         max_position_embeddings=128, attn_implementation=attention)
    torch.manual_seed(seed)
    llama = LlamaForCausalLM(config).eval().requires_grad_(False)

    class Logits(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.llama = llama

        def forward(self, ids):
            return self.llama(input_ids=ids, use_cache=False).logits

    return Logits().eval()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output")
    output = parser.parse_args().output
    ids = torch.randint(0, 64, (1, 48), generator=torch.Generator().manual_seed(1))
    onnx.save(to_onnx(torch.export.export(small_llama(), (ids,), strict=False)), output)
    print(output)


if __name__ == "__main__":
    main()
