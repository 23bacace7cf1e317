"""Packing and slimming beside copying: build --backend none on 2 GiB of external data, select, verify.

Method: in turns, files warm in the page cache, every side synced to the disk. The yardstick of `build` is `cp` and `sync` of the same files with
`openssl dgst -sha256` of them side by side (the least a packer with digests must do). Peers: zip -0 and Python's zipfile, also synced.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import measure
import models

SIZE = 2 << 30
RUNS = 5


def shell(text: str) -> list[str]:
    return ["sh", "-ec", text]


def bench(build: Path, scratch: Path) -> dict:
    program = build / "bin" / "onnx-pack"
    model = models.external_model(scratch / "m", SIZE)
    data = model.parent / "weights.bin"
    package = scratch / "p.onnxpkg"
    out = scratch / "out"

    def clean(_: str) -> None:
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()

    copy = shell(f"cp {model} {data} {out}/ && sync {out}/model.onnx {out}/weights.bin")
    digest = ["openssl", "dgst", "-sha256", str(data)]
    # The whole model through onnx's own API: what a script that rewrites a model does.
    onnx_save = (
        f"import onnx,os\nm=onnx.load('{model}')\n"
        f"onnx.save(m,'{out}/o.onnx',save_as_external_data=True,location='o.bin')\n"
        f"f=os.open('{out}/o.bin',os.O_RDONLY)\nos.fsync(f)"
    )
    candidates = {
        "build --backend none": lambda: [[program, "build", model, "--backend", "none", "-o", out / "o.onnxpkg"]],
        "cp+sync beside sha256": lambda: [copy, digest],
        "cp+sync": lambda: [copy],
    }
    candidates["tar"] = lambda: [shell(f"tar -cf {out}/o.tar {model} {data} 2>/dev/null && sync {out}/o.tar")]
    candidates["onnx.save, external data"] = lambda: [[sys.executable, "-c", onnx_save]]
    if shutil.which("zip"):
        candidates["zip -0"] = lambda: [shell(f"zip -0 -q {out}/o.zip {model} {data} && sync {out}/o.zip")]
    python_zip = (
        f"import zipfile,os\nz=zipfile.ZipFile('{out}/o.zip','w')\nz.write('{model}')\nz.write('{data}')\nz.close()\n"
        f"f=os.open('{out}/o.zip',os.O_RDONLY)\nos.fsync(f)"
    )
    candidates["python zipfile"] = lambda: [["python3", "-c", python_zip]]
    made = measure.in_turns(RUNS, candidates, before=clean)
    print(f"  build, {SIZE >> 30} GiB of external data")
    measure.print_series(made)
    ratios = [measure.ratio(made["build --backend none"], made["cp+sync beside sha256"])]
    measure.print_ratio(ratios[0], 1.25)
    for peer in ("zip -0", "python zipfile", "tar", "onnx.save, external data"):
        if peer in made:
            ratios.append(measure.ratio(made["build --backend none"], made[peer]))
            measure.print_ratio(ratios[-1])
    peak = made["build --backend none"].summary()["peak_rss_bytes"]
    print(f"  peak RSS of build: {measure.mebibytes(peak)} (bar 300 MiB: {'met' if peak <= 300 << 20 else 'MISSED'})")

    measure.run_once([[program, "build", model, "--backend", "none", "-o", package]])
    kept = measure.in_turns(
        RUNS,
        {
            "select": lambda: [[program, "select", package, "--target", "x86-64-v3", "-o", out / "s.onnxpkg"]],
            "cp+sync of the package": lambda: [shell(f"cp {package} {out}/c && sync {out}/c")],
            "verify --integrity-only": lambda: [[program, "verify", package, "--integrity-only"]],
            "openssl dgst -sha256": lambda: [["openssl", "dgst", "-sha256", str(package)]],
        },
        before=clean,
    )
    print("  the package")
    measure.print_series(kept)
    ratios.append(measure.ratio(kept["select"], kept["cp+sync of the package"]))
    measure.print_ratio(ratios[-1], 1.15)
    ratios.append(measure.ratio(kept["verify --integrity-only"], kept["openssl dgst -sha256"]))
    measure.print_ratio(ratios[-1], 1.2)
    return {"series": [s.summary() for s in (made | kept).values()], "ratios": ratios}
