"""The backend's end of onnx-pack's protocol: request and answer files, events, exit codes.

Standard library only, and as little of it as possible: `describe` is asked by every `onnx-pack backends`.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any, Callable

PROTOCOL = "1.0"
EVENTS_VARIABLE = "ONNX_PACK_EVENTS_FD"

EXIT_OK = 0
EXIT_USAGE = 2
EXIT_REQUEST = 3
EXIT_ANSWER = 4

Json = dict[str, Any]


class Stop(Exception):
    """Ends a request with an answer that is not ok."""

    status = "error"

    def __init__(self, reason: str, hint: str = "", stage: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint
        self.stage = stage

    def answer(self) -> Json:
        fields = {"status": self.status, "reason": self.reason, "hint": self.hint, "stage": self.stage}
        return {name: text for name, text in fields.items() if text}


class Refused(Stop):
    """Expected: this model, target or machine cannot be served, and nothing is broken."""

    status = "refused"


class Failed(Stop):
    """The compiler or the runtime said no, or something is missing."""


class Events:
    """Newline-delimited JSON for the host; silent when a person runs the backend by hand."""

    def __init__(self) -> None:
        text = os.environ.get(EVENTS_VARIABLE, "")
        self._descriptor = int(text) if text.isdigit() else -1
        if self._descriptor >= 0:
            try:
                # The backend's own children must not hold it open.
                os.set_inheritable(self._descriptor, False)
            except OSError:
                self._descriptor = -1

    def _send(self, event: Json) -> None:
        if self._descriptor < 0:
            return
        data = (json.dumps(event) + "\n").encode()
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError:  # the host went away; Python ignores SIGPIPE
            self._descriptor = -1

    def progress(self, stage: str, fraction: float) -> None:
        self._send({"event": "progress", "stage": stage, "fraction": fraction})

    def log(self, level: str, text: str) -> None:
        self._send({"event": "log", "level": level, "text": text[:8000]})

    def heartbeat(self) -> None:
        self._send({"event": "heartbeat"})

    def blob(self, path: str) -> None:
        self._send({"event": "blob", "path": path})


Verb = Callable[[Json, Events], Json]


def answer_to(verb: Verb, request: Json, events: Events) -> Json:
    """What the verb says, or what stopped it."""
    try:
        return {"status": "ok", **verb(request, events)}
    except Stop as stop:
        return stop.answer()
    except MemoryError:
        return Failed("out of memory").answer()


def write_answer(path: str, answer: Json) -> None:
    """Under its name only when complete: a killed backend leaves no half answer."""
    temporary = path + ".part"
    with open(temporary, "w", encoding="utf-8") as file:
        json.dump(answer, file, indent=1, sort_keys=True)
        file.write("\n")
    os.replace(temporary, path)


def serve(arguments: list[str], verbs: dict[str, Verb]) -> int:
    if len(arguments) != 3 or arguments[0] not in verbs:
        print(
            f"usage: onnx-pack-backend-iree {'|'.join(verbs)} REQUEST.json RESPONSE.json\n"
            "a backend of onnx-pack, which calls it; see docs/backend-protocol.md",
            file=sys.stderr,
        )
        return EXIT_USAGE
    name, request_path, answer_path = arguments
    try:
        with open(request_path, encoding="utf-8") as file:
            request = json.load(file)
        check_head(request, name)
    except (OSError, ValueError) as error:
        print(f"{request_path}: {error}", file=sys.stderr)
        return EXIT_REQUEST
    answer = answer_to(verbs[name], request, Events())
    try:
        write_answer(answer_path, answer)
    except OSError as error:
        print(f"{answer_path}: {error}", file=sys.stderr)
        return EXIT_ANSWER
    return EXIT_OK


def check_head(request: Any, verb: str) -> None:
    if not isinstance(request, dict):
        raise ValueError("expected an object")
    spoken = str(request.get("protocol", "none"))
    if spoken.partition(".")[0] != PROTOCOL.partition(".")[0]:
        raise ValueError(f"the request speaks protocol {spoken}, this backend speaks {PROTOCOL}")
    if request.get("verb") != verb:
        raise ValueError(f"verb: expected {verb}, found {request.get('verb')}")
