"""Dimensions of a model's inputs: fixing them as asked, and saying which stay open and what to type to close them."""

from __future__ import annotations

import difflib
from typing import Any, Iterable, Sequence

from .protocol import Json, Refused

STAGE = "prepare"


def describe(dimension: Any) -> int | str | None:
    """The protocol's form: a number, a name, or null. Exporters write -1 for unknown (PaddlePaddle's do)."""
    if dimension.HasField("dim_value") and dimension.dim_value >= 0:
        return int(dimension.dim_value)
    return dimension.dim_param or None


def shape_of(value: Any) -> list[int | str | None] | None:
    tensor = value.type.tensor_type
    return [describe(dimension) for dimension in tensor.shape.dim] if tensor.HasField("shape") else None


def apply(graph: Any, inputs: Sequence[Any], input_shapes: Json, free_dimensions: Json) -> bool:
    """Writes the asked sizes into the inputs. Gives whether anything was fixed. Errors: refused, naming the nearest input
    or dimension that there is."""
    by_name = {value.name: value for value in inputs}
    for name, shape in input_shapes.items():
        if name not in by_name:
            raise Refused(f"there is no input '{name}'{near(name, by_name)}", hint=f"inputs: {listing(inputs)}", stage=STAGE)
        fix_input(by_name[name], shape)
    known = sorted({size for value in inputs for size in (shape_of(value) or []) if isinstance(size, str)})
    for name, size in free_dimensions.items():
        # One that an input shape has closed just now is not missing.
        if name not in known and not input_shapes:
            raise Refused(
                f"no input has a dimension named '{name}'{near(name, known)}",
                hint=f"inputs: {listing(inputs)}",
                stage=STAGE,
            )
        for value in inputs:
            for dimension in value.type.tensor_type.shape.dim:
                if describe(dimension) == name:
                    dimension.dim_value = size
    return bool(input_shapes or free_dimensions)


def fix_input(value: Any, shape: list[int]) -> None:
    found = shape_of(value)
    text = ",".join(map(str, shape))
    if found is None:
        value.type.tensor_type.shape.SetInParent()
        for size in shape:
            value.type.tensor_type.shape.dim.add().dim_value = size
        return
    if len(found) != len(shape):
        raise Refused(
            f"input '{value.name}' has {len(found)} dimensions, the given shape {text} has {len(shape)}", stage=STAGE
        )
    for place, (old, new) in enumerate(zip(found, shape)):
        if isinstance(old, int) and old != new:
            raise Refused(
                f"dimension {place} of input '{value.name}' is {old} in the model, the given shape {text} says {new}",
                stage=STAGE,
            )
    for dimension, size in zip(value.type.tensor_type.shape.dim, shape):
        dimension.dim_value = size


def forget_symbols(values: Iterable[Any]) -> None:
    """Names and -1 of other values go, so that inference fills in what follows from the inputs' sizes."""
    for value in values:
        if value.type.WhichOneof("value") != "tensor_type":
            continue
        for dimension in value.type.tensor_type.shape.dim:
            if not isinstance(describe(dimension), int):
                dimension.Clear()


def still_open(inputs: Sequence[Any]) -> list[str]:
    """What to type for each dimension that is not a number, one option each."""
    options: list[str] = []
    for value in inputs:
        shape = shape_of(value)
        if shape is None:
            options.append(f"--input-shape {value.name}:<sizes>")
            continue
        names = [size for size in shape if isinstance(size, str)]
        # A dimension without a name, or with one that several of the same input share by accident ('?'), goes by shape.
        if None in shape or len(set(names)) < len(names):
            options.append(f"--input-shape {value.name}:" + ",".join(placeholder(s, i) for i, s in enumerate(shape)))
        else:
            options.extend(f"--free-dimension-override {name}=<size>" for name in names)
    return sorted(set(options), key=options.index)


def placeholder(size: int | str | None, place: int) -> str:
    return str(size) if isinstance(size, int) else f"<d{place}>"


def listing(inputs: Sequence[Any]) -> str:
    texts = []
    for value in inputs:
        shape = shape_of(value)
        texts.append(value.name + ("" if shape is None else f"[{','.join('?' if s is None else str(s) for s in shape)}]"))
    return ", ".join(texts)


def near(name: str, known: Iterable[str]) -> str:
    match = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean '{match[0]}'?" if match else ""
