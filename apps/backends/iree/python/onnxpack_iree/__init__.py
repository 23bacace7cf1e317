"""IREE as a compiler for onnx-pack."""
