"""External data of a model, read into the tensors.

onnx's own loader is not used: it refuses files with several hard links and symbolic links, as it must for models from
anywhere, while the host lays out a work folder as it likes and has checked the paths before.
"""

from __future__ import annotations

import os
from pathlib import PurePosixPath
from typing import Any, Iterator

from .protocol import Failed

STAGE = "prepare"


def load(model: Any, folder: str) -> None:
    """Errors: failed, naming tensor and file, for a path that leaves the folder and for a file that is too short."""
    for tensor in tensors(model.graph):
        if tensor.data_location == tensor.EXTERNAL:
            tensor.raw_data = read(tensor, folder)
            tensor.data_location = tensor.DEFAULT
            del tensor.external_data[:]


def tensors(graph: Any) -> Iterator[Any]:
    """Every tensor of a graph and of its subgraphs."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
            for body in [attribute.g] if attribute.HasField("g") else attribute.graphs:
                yield from tensors(body)


def read(tensor: Any, folder: str) -> bytes:
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = entries.get("location", "")
    path = PurePosixPath(location)
    if not location or path.is_absolute() or ".." in path.parts:
        raise Failed(f"tensor '{tensor.name}': external data at '{location}' is not below the model's folder", stage=STAGE)
    offset, length = int(entries.get("offset", 0)), int(entries.get("length", -1))
    try:
        with open(os.path.join(folder, location), "rb") as file:
            file.seek(offset)
            data = file.read(length)
    except OSError as error:
        raise Failed(f"tensor '{tensor.name}': {location}: {error.strerror}", stage=STAGE) from error
    if length >= 0 and len(data) != length:
        raise Failed(
            f"tensor '{tensor.name}': {location} ends {length - len(data)} bytes early (offset {offset}, length {length})",
            stage=STAGE,
        )
    return data
