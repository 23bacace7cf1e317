#!/usr/bin/env python3
"""Decodes with models made by make_decoder.py and `onnx-pack ternarize`, greedily from one token: the tokens, and tokens per second.

usage: decode.py [--ops libonnxpack_ops.so] [--tokens 16] [--threads 2] [--decode-always] MODEL.onnx...

Says at the end whether all models gave the same tokens; exits with 1 if not. The first token is not timed.
ONNX Runtime decodes the weights of the portable form when it loads the model, which takes 28 bytes of memory for each weight for a while; --decode-always has it
decode them for every token, a matrix at a time.
"""

import argparse
import sys
import time

import numpy as np
import onnxruntime as ort


def decode(path: str, a) -> tuple[list[int], float, bytes]:
    options = ort.SessionOptions()
    options.intra_op_num_threads = a.threads
    if a.ops:
        options.register_custom_ops_library(a.ops)
    if a.decode_always:
        options.enable_cpu_mem_arena = False  # else buffers of all shapes stay
    disabled = ["ConstantFolding"] if a.decode_always else []
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"], disabled_optimizers=disabled)
    caches = [i for i in session.get_inputs() if i.name.startswith("past_")]
    feed = {i.name: np.zeros([1, i.shape[1], 0, i.shape[3]], np.float32) for i in caches}
    names = ["logits"] + [i.name.removeprefix("past_") for i in caches]
    tokens, took, logits = [1], 0.0, b""
    for position in range(a.tokens):
        begin = time.perf_counter()
        out = session.run(names, {"ids": np.array([[tokens[-1]]]), "position": np.array([position]), **feed})
        took += time.perf_counter() - begin if position else 0
        logits = out[0].tobytes()
        tokens.append(int(out[0].argmax()))
        feed = {i.name: value for i, value in zip(caches, out[1:])}
    return tokens[1:], (a.tokens - 1) / took if took else 0.0, logits


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--ops")
    parser.add_argument("--tokens", type=int, default=16)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--decode-always", action="store_true")
    parser.add_argument("models", nargs="+")
    a = parser.parse_args()
    ort.set_default_logger_severity(3)
    answers = []
    for path in a.models:
        tokens, speed, logits = decode(path, a)
        answers.append(tokens)
        print(f"{path}: {speed:.4g} tokens/s, {' '.join(map(str, tokens))}")
    same = all(answer == answers[0] for answer in answers)
    print("all gave the same tokens" if same else "the tokens differ")
    return 0 if same else 1


sys.exit(main())
