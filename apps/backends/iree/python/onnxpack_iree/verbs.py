"""The table of verbs. What a verb needs is imported when it is asked, so that `describe` stays quick."""

from __future__ import annotations

from .protocol import Events, Json, Verb


def _describe(request: Json, events: Events) -> Json:
    from . import describe

    return describe.describe()


def _plan(request: Json, events: Events) -> Json:
    from . import compile

    return compile.plan(request, events)


def _compile(request: Json, events: Events) -> Json:
    from . import compile

    return compile.compile(request, events)


def _run(request: Json, events: Events) -> Json:
    from . import run

    return run.run(request, events)


def _probe(request: Json, events: Events) -> Json:
    from . import probe

    return probe.probe(events)


TABLE: dict[str, Verb] = {
    "describe": _describe,
    "plan": _plan,
    "compile": _compile,
    "run": _run,
    "probe": _probe,
}
