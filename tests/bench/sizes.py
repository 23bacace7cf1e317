"""What packages cost: the model packed for several devices by every backend that is here, a slim one for each, and putting blobs together again.

Method: `build`, then `inspect --json`; sizes are exact and repeat, so each is taken once. Slim packages are made by `select --no-fallback`. Materialising is
`extract` of the variant that shares most, which checks every digest, in turns with `cp` and `sync` of what it writes beside `openssl dgst -sha256` of it (what
putting together costs by itself is bench_extents' figure). PP-OCRv4's detector comes with the set-up; MiniLM is looked for in
the folder ONNXPACK_BENCH_MODELS (model.onnx over model.safetensors, 90 MB), and skipped with a line where it is not.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import measure
import models

RUNS = 7
DETECTOR = ["--target", "x86-64-v3", "--target", "qualcomm-sm8650", "--input-shape", "x:1,3,64,160"]
TRANSFORMER = [
    *(word for name in ("x86-64-v3", "x86-64-v4", "aarch64") for word in ("--target", name)),
    *("--free-dimension-override", "batch=1", "--free-dimension-override", "sequence=64"),
]


def call(program: Path, *arguments: str | Path) -> dict:
    done = subprocess.run([program, *arguments, "--json", "-q"], check=False, capture_output=True, text=True)
    return json.loads(done.stdout)


def met(value: float, bar: float) -> str:
    return f"(bar {bar}: {'met' if value <= bar else 'MISSED'})"


def slim_sizes(program: Path, package: Path, variants: list[dict], scratch: Path) -> dict:
    """variant -> what a file with it alone takes, of the blob's own size."""
    out = {}
    for variant in variants:
        slim = scratch / "slim.onnxpkg"
        done = subprocess.run(
            [program, "select", package, "--target", variant["target"], "--variant", variant["name"], "--no-fallback", "-o", slim, "--force", "-q"],
            check=False,
            capture_output=True,
        )
        if done.returncode == 0:
            out[variant["name"]] = slim.stat().st_size / variant["size"]
    return out


def materialise(program: Path, package: Path, variant: dict, scratch: Path) -> dict:
    out, copied = scratch / "out", scratch / "copied"
    shutil.rmtree(copied, ignore_errors=True)
    subprocess.run([program, "extract", package, "--variant", variant["name"], "-o", copied, "-q"], check=True, capture_output=True)

    copy = ["sh", "-ec", f"cp -r {copied} {out} && find {out} -type f -exec sync {{}} +"]

    def clean(_: str) -> None:
        shutil.rmtree(out, ignore_errors=True)

    series = measure.in_turns(
        RUNS,
        {
            "extract": lambda: [[program, "extract", package, "--variant", variant["name"], "-o", out, "-q"]],
            "cp and sync": lambda: [copy],
            "cp and sync beside sha256": lambda: [copy, ["sh", "-c", f"find {copied} -type f -exec openssl dgst -sha256 {{}} +"]],
        },
        before=clean,
    )
    print(f"  materialising {variant['name']}, {measure.mebibytes(variant['size'])}")
    measure.print_series(series)
    ratio = measure.ratio(series["extract"], series["cp and sync beside sha256"])
    measure.print_ratio(ratio, 1.25)
    return ratio


def one_model(program: Path, model: Path, arguments: list[str], bar: float, scratch: Path) -> dict:
    package = scratch / "p.onnxpkg"
    subprocess.run([program, "build", model, *arguments, "-o", package, "--force", "-q"], check=False, capture_output=True)
    if not package.exists():
        print(f"  {model.name}: not packed; skipped")
        return {}
    report = call(program, "inspect", package)
    own = {part["part"]: part["size"] for part in report["sizes"]}
    variants = [
        {
            "name": v["name"],
            "target": v["target"],
            "size": sum(blob["size"] for blob in v["blobs"]),
            "own": own[f"variant {v['name']}"],
        }
        for v in report["variants"]
    ]
    original = sum(file.stat().st_size for file in (model, model.parent / "model.safetensors") if file.exists())
    whole = package.stat().st_size / original
    print(f"  {model}: {measure.mebibytes(original)}, {len(variants)} variants; the package is {whole:.3f} times that {met(whole, bar)}")
    slim = slim_sizes(program, package, variants, scratch)
    for variant in variants:
        alone = f"{slim[variant['name']]:.3f} times the blob" if variant["name"] in slim else "not made"
        if slim.get(variant["name"], 0) > 1.5:
            alone += ", with the weights that it reads in the original"
        print(f"    {variant['name']:<30} {variant['size'] / 1024:>9.0f} KiB, own {variant['own'] / 1024:>7.0f} KiB; slim without fallback: {alone}")
    most = max(variants, key=lambda v: v["size"] - v["own"])
    return {"ratio": whole, "slim": slim, "materialise": materialise(program, package, most, scratch)}


def bench(build: Path, scratch: Path) -> dict:
    program = build / "bin" / "onnx-pack"
    found = models.real_models(Path.cwd())
    out = {"detector": one_model(program, found["ch_PP-OCRv4_det_infer"], DETECTOR, 2.1, scratch)}
    folder = os.environ.get("ONNXPACK_BENCH_MODELS")
    transformer = next((p.parent / "model.onnx" for p in Path(folder).rglob("model.safetensors")), None) if folder else None
    if transformer is None:
        print("  MiniLM: no model.safetensors in ONNXPACK_BENCH_MODELS; skipped")
    else:
        out["transformer"] = one_model(program, transformer, TRANSFORMER, 1.02, scratch)
    return out
