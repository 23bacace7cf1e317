"""What of IREE is installed for this Python, found without importing any of it."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from dataclasses import dataclass, field

SETUP = "cmake/setup.sh --backend iree"

# Distribution name -> what it gives.
NEEDED = {
    "iree-base-compiler": "iree-compile and the ONNX importer",
    "iree-base-runtime": "iree-run-module and the Python bindings",
    "onnx": "reading and preparing models",
    "numpy": "reading and preparing models",
}

TO_RUN = ("iree-base-runtime", "numpy")
OLDEST_PYTHON = (3, 9)

# Where the runtime of another architecture lies below the virtual environment: its wheel, unpacked.
EMULATED_FOLDER = "emulated"
EMULATORS = {"arm64": ("qemu-aarch64", "/usr/aarch64-linux-gnu")}
EMULATOR_PACKAGES = {"arm64": "qemu-user libc6-arm64-cross libstdc++6-arm64-cross"}


@dataclass(frozen=True)
class Emulated:
    """A runtime for another architecture, and what runs it here."""

    emulator: str
    system_root: str
    programs: str  # the folder of iree-run-module

    def command(self, program: str) -> list[str]:
        return [self.emulator, "-L", self.system_root, os.path.join(self.programs, program)]


@dataclass
class Installation:
    versions: dict[str, str] = field(default_factory=dict)  # distribution -> version

    @property
    def missing(self) -> list[str]:
        return [name for name in NEEDED if name not in self.versions]

    @property
    def runtime_version(self) -> str:
        return self.versions.get("iree-base-runtime", "")

    @property
    def runs(self) -> bool:
        """Whether variants can be run: a device has the runtime alone."""
        return sys.version_info >= OLDEST_PYTHON and not set(TO_RUN) & set(self.missing)

    def reason(self) -> str:
        """Why nothing can be compiled; empty when all is here."""
        if sys.version_info < OLDEST_PYTHON:
            return f"wants Python 3.9 or newer, found {sys.version.split()[0]} ({sys.executable})"
        if not self.missing:
            return ""
        return f"{sys.executable} has no {', '.join(self.missing)}"


def hint() -> str:
    return f"run `{SETUP}`, or set ONNXPACK_IREE_PYTHON to a Python that has iree-base-compiler[onnx] and iree-base-runtime"


def find() -> Installation:
    """Reads the names of *.dist-info folders: importlib.metadata does the same at ten times the cost."""
    out = Installation()
    for folder in sys.path:
        try:
            entries = os.listdir(folder)
        except OSError:
            continue
        for entry in entries:
            name, _, version = entry.removesuffix(".dist-info").partition("-")
            name = name.replace("_", "-").lower()
            if entry.endswith(".dist-info") and name in NEEDED:
                out.versions.setdefault(name, version)
    return out


def program(name: str) -> str | None:
    """A program of IREE's wheels, which lie beside this Python; PATH is for a Python without an environment of its own."""
    beside = os.path.join(os.path.dirname(sys.executable), name)
    return beside if os.access(beside, os.X_OK) else shutil.which(name)


def emulated(arch: str) -> tuple[Emulated | None, str, str]:
    """The emulated runtime for `arch`; or None, what is missing, and how to get it."""
    if arch not in EMULATORS:
        return None, f"there is no emulator for {arch} in the table of this backend", ""
    emulator_name, root = EMULATORS[arch]
    folder = os.path.join(sys.prefix, EMULATED_FOLDER, arch, "iree", "_runtime_libs")
    programs = os.environ.get(f"ONNXPACK_IREE_RUNTIME_{arch.upper()}", folder)
    emulator = shutil.which(emulator_name)
    if emulator is None or not os.path.isdir(os.path.join(root, "lib")):
        what = emulator_name if emulator is None else f"the C library for {arch} ({root})"
        return None, f"{what} is not installed", f"apt-get install {EMULATOR_PACKAGES[arch]}"
    if not os.access(os.path.join(programs, "iree-run-module"), os.X_OK):
        return None, f"no iree-run-module for {arch} in {programs}", f"run `{SETUP}`"
    return Emulated(emulator, root, programs), "", ""


def own_digest() -> str:
    """Names this backend's own code: what it does to a model is part of what makes a blob."""
    digest = hashlib.sha256()
    folder = os.path.dirname(os.path.abspath(__file__))
    for name in sorted(os.listdir(folder)):
        if name.endswith(".py"):
            with open(os.path.join(folder, name), "rb") as file:
                digest.update(name.encode() + b"\0" + file.read())
    return digest.hexdigest()[:12]
