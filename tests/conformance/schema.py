"""The part of JSON Schema that schemas/backend-*.schema.json use. An unknown keyword is an error, so nothing goes unchecked."""

import re

ANNOTATIONS = {"$schema", "title", "description", "default", "then", "else"}
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


def has_type(value, name):
    if name == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if name == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


def check_object(value, schema, path):
    problems = [f"{path}: required field \"{key}\" is missing" for key in schema.get("required", []) if key not in value]
    properties = schema.get("properties", {})
    for key, item in value.items():
        if key in properties:
            problems += check(item, properties[key], f"{path}.{key}")
        elif "additionalProperties" in schema:
            problems += check(item, schema["additionalProperties"], f"{path}.{key}")
    if len(value) < schema.get("minProperties", 0) or len(value) > schema.get("maxProperties", 10**9):
        problems.append(f"{path}: {len(value)} fields")
    return problems


def check(value, schema, path="$"):
    """The list of what is wrong, empty when nothing is."""
    problems = []
    for keyword, argument in schema.items():
        if keyword in ANNOTATIONS or keyword in ("properties", "required", "additionalProperties", "minProperties", "maxProperties"):
            continue
        if keyword == "type":
            names = argument if isinstance(argument, list) else [argument]
            if not any(has_type(value, name) for name in names):
                return [f"{path}: expected {' or '.join(names)}, found {value!r}"]
        elif keyword == "const":
            if value != argument:
                problems.append(f"{path}: expected {argument!r}, found {value!r}")
        elif keyword == "enum":
            if value not in argument:
                problems.append(f"{path}: expected one of {argument}, found {value!r}")
        elif keyword == "pattern":
            if isinstance(value, str) and not re.search(argument, value):
                problems.append(f"{path}: {value!r} does not match {argument}")
        elif keyword == "minLength":
            if isinstance(value, str) and len(value) < argument:
                problems.append(f"{path}: is empty")
        elif keyword in ("minimum", "maximum"):
            if has_type(value, "number") and (value < argument if keyword == "minimum" else value > argument):
                problems.append(f"{path}: {value} is beyond {argument}")
        elif keyword == "minItems":
            if len(value) < argument:
                problems.append(f"{path}: is empty")
        elif keyword == "items":
            for i, item in enumerate(value):
                problems += check(item, argument, f"{path}[{i}]")
        elif keyword == "allOf":
            for part in argument:
                problems += check(value, part, path)
        elif keyword == "oneOf":
            fitting = [part for part in argument if not check(value, part, path)]
            if len(fitting) != 1:
                problems.append(f"{path}: fits {len(fitting)} of {len(argument)} forms")
        elif keyword == "not":
            if not check(value, argument, path):
                problems.append(f"{path}: is what it must not be")
        elif keyword == "if":
            branch = schema.get("else" if check(value, argument, path) else "then", {})
            problems += check(value, branch, path)
        else:
            raise ValueError(f"keyword {keyword} is not known here")
    if isinstance(value, dict):
        problems += check_object(value, schema, path)
    return problems
