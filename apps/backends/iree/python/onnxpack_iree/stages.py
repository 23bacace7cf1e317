"""Work that wants IREE or onnx inside the process: `stage NAME REQUEST.json ANSWER.json`, in a process of its own.

The same words as the protocol's, one level down: a JSON file in, a JSON file out, exit 0 when there is an answer.
"""

from __future__ import annotations

import json
import os
import sys

from . import child
from .protocol import Events, Failed, Json, Refused, answer_to, write_answer


def main(arguments: list[str]) -> int:
    name, request_path, answer_path = arguments
    with open(request_path, encoding="utf-8") as file:
        request = json.load(file)
    if name == "prepare":
        from . import stage_prepare as stage
    elif name == "run":
        from . import stage_run as stage
    else:
        raise ValueError(f"no stage {name}")
    write_answer(answer_path, answer_to(lambda asked, _: stage.main(asked), request, Events()))
    return 0


def call(
    name: str, request: Json, scratch: str, events: Events, hint: str = "", variables: dict[str, str] | None = None
) -> Json:
    """Runs a stage and gives its answer; a stage that stopped or died becomes the same Stop here."""
    asked, answered = os.path.join(scratch, f"{name}.request.json"), os.path.join(scratch, f"{name}.answer.json")
    with open(asked, "w", encoding="utf-8") as file:
        json.dump(request, file)
    door = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    finished = child.run([sys.executable, "-I", "-B", door, "stage", name, asked, answered], events, variables=variables)
    if finished.code != 0 or not os.path.exists(answered):
        last = (finished.output.strip().splitlines() or ["it said nothing"])[-1]
        how = f"was ended by {finished.signal_name}" if finished.code < 0 else f"ended with exit code {finished.code}"
        raise Failed(f"{name} {how}: {last}", hint=hint, stage=name)
    with open(answered, encoding="utf-8") as file:
        answer = json.load(file)
    if answer["status"] == "ok":
        return answer
    kind = Refused if answer["status"] == "refused" else Failed
    raise kind(answer["reason"], answer.get("hint", ""), answer.get("stage", name))
