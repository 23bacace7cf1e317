#!/usr/bin/env python3
"""Writes the seed inputs of corpus/protocol: the first byte chooses the message (tests/fuzz/protocol_fuzz.cc), the rest is its JSON."""

import json
import pathlib

TARGET = {"format": "onnx-pack/target", "schema_version": "1.0", "name": "t", "facts": {"os.name": ["linux"], "x86_64.level": ["v1"]}}
COMPONENT = {"name": "model", "model": "components/model/model.onnx", "original_sha256": "ab"}
SCOPE = {"name": "model", "node_count": 2, "inputs": ["x"], "outputs": ["y"], "node_outputs": ["y"]}
TENSOR = {"name": "x", "type": "tensor(float)", "shape": [1, 0], "path": "x.bin"}
BLOB = {"path": "m.bin", "role": "model", "size": 3, "sha256": "00"}
QUESTION = {"component": COMPONENT, "target": TARGET, "scopes": [SCOPE], "options": {"a": 1}, "free_dimensions": {"n": 1}, "input_shapes": {"x": [1]},
            "scratch_dir": "scratch"}
HEAD = {"protocol": "1.0"}
SEEDS = [
    ("describe-request", {**HEAD, "verb": "describe"}),
    ("describe-response", {"status": "ok", "name": "x", "protocol": {"min": "1.0", "max": "1.0"}, "verbs": ["describe"],
                           "serves": [{"family": "f", "names": ["a*"], "requirements": [{"feature": "os.name", "any_of": ["linux"]}], "absent": ["amd.gfx"]}],
                           "options": [{"name": "o", "schema": {}}], "needs": [{"name": "n", "found": True}], "available": False, "reason": "r"}),
    ("compile-request", {**HEAD, "verb": "compile", **QUESTION, "threads": 1, "output_dir": "out", "variant_name": "v"}),
    ("compile-response", {"status": "ok", "variants": [{"suffix": "-a", "ep": "e", "device": "cpu", "requirements": [{"feature": "os.name", "any_of": ["linux"]}],
                          "fixed_shapes": {"x": [1]}, "executor_info": {"r": {}}, "coverage": {"covered_nodes": 1, "total_nodes": 2}, "tools": {"t": "1"},
                          "partitions": [{"scope": "model", "blobs": [BLOB], "inputs": [{"name": "x", "shape": [1, "n", None], "layout": "NHWC"}]}]}]}),
    ("plan-request", {**HEAD, "verb": "plan", **QUESTION}),
    ("plan-response", {"status": "ok", "partitions": [{"scope": "model"}], "coverage": {"covered_nodes": 1, "total_nodes": 1},
                       "refusals": [{"what": "Loop", "why": "w"}], "memory_bytes": 1, "seconds": 0.5}),
    ("run-request", {**HEAD, "verb": "run", "root": ".", "component_name": "model", "model": "m", "inputs": [TENSOR], "output_dir": "out",
                     "variant": {"name": "v", "ep": "e", "partitions": [{"scope": "model", "blobs": [BLOB]}]}, "warmup": 1, "runs": 2}),
    ("run-response", {"status": "ok", "outputs": [TENSOR], "timings": {"median_ms": 1.5, "runs": 2}, "runtime": "r 1"}),
    ("probe-request", {**HEAD, "verb": "probe"}),
    ("probe-response", {"status": "ok", "facts": {"runtime.x": ["1"], "amd.gfx": []}, "lines": ["x 1"]}),
    ("event", {"event": "progress", "stage": "s", "fraction": 0.5}),
]

for index, (name, value) in enumerate(SEEDS):
    path = pathlib.Path(__file__).resolve().parent / "corpus" / "protocol" / f"{name}.seed"
    path.write_bytes(bytes([index]) + json.dumps(value, separators=(",", ":")).encode())
