"""The backend's own options: one table, from which `describe` tells and `compile` checks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .protocol import Json, Refused


@dataclass(frozen=True)
class Option:
    name: str
    description: str
    schema: Json

    def check(self, value: Any) -> Any:
        """Numbers and yes/no arrive as text from a command line and typed from a build file."""
        kind = self.schema["type"]
        if kind == "boolean" and value in (True, "true", "on", "yes"):
            return True
        if kind == "boolean" and value in (False, "false", "off", "no"):
            return False
        if kind == "string" and isinstance(value, (str, int)) and not isinstance(value, bool):
            allowed = self.schema.get("enum")
            if allowed is None or str(value) in allowed:
                return str(value)
        if kind == "array" and isinstance(value, str):
            return value.split()
        if kind == "array" and isinstance(value, list) and all(isinstance(item, str) for item in value):
            return value
        wanted = ", ".join(self.schema.get("enum", [])) or {"boolean": "true or false"}.get(kind, f"a value of type {kind}")
        raise Refused(f"option iree.{self.name}: expected {wanted}, found {value!r}", stage="prepare")


OPSETS = ["auto", "keep"] + [str(version) for version in range(13, 24)]

TABLE = [
    Option(
        "opt_level",
        "iree-compile's --iree-opt-level",
        {"type": "string", "enum": ["O0", "O1", "O2", "O3"], "default": "O1"},
    ),
    Option(
        "data_tiling",
        "lay weights out for the target's matrix instructions: quicker, but they no longer share bytes with the model",
        {"type": "boolean", "default": False},
    ),
    Option(
        "const_eval",
        "work out constants when compiling, on this machine's CPU, instead of when loading: loads a little quicker, but "
        "transposed weights no longer share bytes with the model, and another CPU may round another way",
        {"type": "boolean", "default": False},
    ),
    Option(
        "opset",
        "ONNX operator set the model is converted to first; auto raises what is older than 17, which IREE's importer lacks parts of",
        {"type": "string", "enum": OPSETS, "default": "auto"},
    ),
    Option(
        "demote",
        "compute in another precision: f32-to-f16 halves weights and time where the device has it, and is declared as fp16",
        {"type": "string", "enum": ["none", "f32-to-f16"], "default": "none"},
    ),
    Option(
        "flags",
        "further flags for iree-compile, with blanks between",
        {"type": "array", "items": {"type": "string"}, "default": []},
    ),
]


@dataclass
class Options:
    opt_level: str = "O1"
    data_tiling: bool = False
    const_eval: bool = False
    opset: str = "auto"
    demote: str = "none"
    flags: list[str] = field(default_factory=list)


def describe() -> list[Json]:
    return [{"name": option.name, "description": option.description, "schema": option.schema} for option in TABLE]


def parse(given: Json) -> Options:
    out = Options()
    known = {option.name: option for option in TABLE}
    for name, value in given.items():
        if name not in known:
            import difflib

            near = difflib.get_close_matches(name, known, n=1)
            raise Refused(
                f"unknown option iree.{name}" + (f"; did you mean iree.{near[0]}?" if near else ""),
                hint=f"options: {', '.join(known)}",
                stage="prepare",
            )
        setattr(out, name, known[name].check(value))
    check_flags(out.flags)
    return out


# Set by this backend: another value would make the answer's description of the blob a lie, or write elsewhere.
RESERVED = ("-o", "--iree-hal-target", "--iree-hal-local-target", "--iree-llvmcpu-target", "--iree-cuda-target",
            "--iree-rocm-target", "--iree-vulkan-target", "--iree-llvmcpu-link", "--output-format", "--compile-to",
            "--iree-input-demote-f32-to-f16", "--iree-opt-level", "--iree-opt-data-tiling",
            "--iree-opt-const-eval")


def check_flags(flags: list[str]) -> None:
    for flag in flags:
        if not flag.startswith("-"):
            raise Refused(f"option iree.flags: expected flags, found {flag!r}", stage="prepare")
        if flag.startswith(RESERVED):
            raise Refused(
                f"option iree.flags: {flag.partition('=')[0]} is set by the backend itself",
                hint="targets say what code is made for (`onnx-pack targets show NAME`), options say how",
                stage="prepare",
            )
