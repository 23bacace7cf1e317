#!/usr/bin/env python3
"""Compares schemas/ with the documents and changes in tests/data/. usage: check_schemas.py ROOT

Each schema is one; it accepts the documents that the typed code writes; and it refuses every change in
tests/data/manifest/refused.json but those that say why a schema cannot. The typed code's side of the same list is
tests/unit/manifest. On top, every required field is taken away and every typed one replaced, which the schema must see.
"""

import copy
import json
import pathlib
import subprocess
import sys

SKIPPED = 77

try:
    import jsonschema
except ImportError:
    venv = pathlib.Path(sys.argv[1]) / ".deps/venv/bin/python"
    if not venv.exists() or pathlib.Path(sys.prefix) == venv.parent.parent:
        print("SKIPPED: needs Python's jsonschema; cmake/setup.sh --with tests installs it")
        sys.exit(SKIPPED)
    sys.exit(subprocess.call([str(venv), *sys.argv]))

DOCUMENTS = {
    "manifest": ["manifest/manifest.json"],
    "layout": ["manifest/layout.json"],
    "evidence": ["manifest/evidence.json"],
    "target": ["target/kiosk.json", "target/phone.json"],
}


def load(path: pathlib.Path):
    return json.loads(path.read_text())


def apply(document, change):
    *parents, last = change["path"]
    at = document
    for step in parents:
        at = at[step] if isinstance(at, list) else at.setdefault(step, {})
    if "set" in change:
        at[last] = change["set"]
    elif "append" in change:
        at[last].append(change["append"])
    else:
        del at[last]
    return document


def listed_changes(root: pathlib.Path, validators) -> list[str]:
    problems = []
    folder = root / "tests/data/manifest"
    for change in load(folder / "refused.json")["changes"]:
        name = change["document"].removesuffix(".json")
        accepted = validators[name].is_valid(apply(load(folder / change["document"]), change))
        if accepted and change["schema"] == "refuses":
            problems.append(f"{name}.schema.json accepts {change['path']} = {change.get('set')}: {change['error']}")
        if not accepted and change["schema"] != "refuses":
            problems.append(f"{name}.schema.json does refuse {change['path']} = {change.get('set')}; the list says {change['schema']}")
    return problems


def places(document, path=()):
    """Every place in a document, outermost first."""
    yield path
    items = document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    for key, value in items:
        yield from places(value, (*path, key))


# Foreign data, where a schema has nothing to say.
OPAQUE = {"target_facts", "options", "executor_info", "backend_options", "parameters"}


def blunt_changes(name: str, document, validator) -> list[str]:
    problems = []
    for path in places(document):
        if not path or OPAQUE & set(path):
            continue
        change = {"path": list(path), "set": {"no such": [3.25]}}
        if validator.is_valid(apply(copy.deepcopy(document), change)):
            problems.append(f"{name}.schema.json does not look at {path}")
    return problems


def main() -> int:
    root = pathlib.Path(sys.argv[1])
    problems = []
    validators = {}
    for file in sorted((root / "schemas").glob("*.schema.json")):
        schema = load(file)
        try:
            jsonschema.Draft202012Validator.check_schema(schema)
        except jsonschema.SchemaError as error:
            problems.append(f"{file.name}: {error.message}")
        validators[file.name.removesuffix(".schema.json")] = jsonschema.Draft202012Validator(schema)
    for name, documents in DOCUMENTS.items():
        for document in documents:
            value = load(root / "tests/data" / document)
            for error in validators[name].iter_errors(value):
                problems.append(f"{document}: {error.json_path}: {error.message}")
            problems += blunt_changes(name, value, validators[name])
    problems += listed_changes(root, validators)
    print("\n".join(problems) or f"{len(validators)} schemas agree with the documents")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
