#!/usr/bin/env python3
"""Runs a lowered model in a stock ONNX Runtime with libonnxpack_ops.so. usage: run.py LOWERED.onnx LIBRARY INPUTS.npz

    python graphs.py graphs
    onnx-pack lower graphs/documents.onnx -o lowered.onnx
    python run.py lowered.onnx /usr/lib/libonnxpack_ops.so graphs/documents.npz

An array Y among the inputs is what the result is compared with.
"""

import argparse

import numpy as np
import onnxruntime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("library")
    parser.add_argument("inputs")
    arguments = parser.parse_args()
    options = onnxruntime.SessionOptions()
    options.register_custom_ops_library(arguments.library)  # all that a program has to do
    session = onnxruntime.InferenceSession(arguments.model, options)
    arrays = dict(np.load(arguments.inputs))
    result, = session.run(None, {value.name: arrays[value.name] for value in session.get_inputs()})
    print(f"{session.get_outputs()[0].name}: {result.dtype} {result.shape}")
    if "Y" in arrays:
        print(f"largest difference from what is expected: {np.abs(result - arrays['Y']).max():.1e}")


if __name__ == "__main__":
    main()
