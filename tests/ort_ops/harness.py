"""What the tests of libonnxpack_ops share: the library in ONNX Runtime, run from Python.

ONNXPACK_OPS is the library, ONNXPACK_BIN the folder of onnx-pack; ctest sets both.
"""

import os
import pathlib
import sys

SKIPPED = 77

try:
    import numpy as np  # noqa: F401
    import onnx
    import onnxruntime as ort
except ImportError as error:
    print(f"SKIPPED: needs Python's {error.name}; cmake/setup.sh --with tests installs it")
    sys.exit(SKIPPED)

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIBRARY = os.environ.get("ONNXPACK_OPS", str(ROOT / "build/lib/libonnxpack_ops.so"))
PROGRAM = pathlib.Path(os.environ.get("ONNXPACK_BIN", ROOT / "build/bin")) / "onnx-pack"
DOMAIN = "org.onnxpack"

ort.set_default_logger_severity(3)


def session(model, threads: int | None = 1, ops: bool = True) -> ort.InferenceSession:
    """`model` is a ModelProto, bytes or a path. Without `threads` it has those that all sessions share (ort.set_global_thread_pool_sizes)."""
    options = ort.SessionOptions()
    if threads is None:
        options.use_per_session_threads = False
    else:
        options.intra_op_num_threads = threads
    if ops:
        options.register_custom_ops_library(LIBRARY)
    if isinstance(model, onnx.ModelProto):
        model = model.SerializeToString()
    return ort.InferenceSession(model if isinstance(model, bytes) else str(model), options, providers=["CPUExecutionProvider"])


def run(model, inputs: dict, threads: int = 1, ops: bool = True) -> list:
    return session(model, threads, ops).run(None, inputs)
