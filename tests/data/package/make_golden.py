#!/usr/bin/env python3
"""Made the packages in golden/. They stay as they are: every later version must open them, so this runs for a new format version
or transformation only, into a folder of its own; golden/1.0-ternary has those of ternary/1, the last three.

    make_golden.py ONNX-PACK FOLDER

`ids.tsv` gets the package id and the SHA-256 of each file.
"""
import hashlib
import pathlib
import subprocess
import sys
import zipfile

DATA = pathlib.Path(__file__).resolve().parent.parent
BACKENDS = ["--backend-path", str(DATA.parent / "support/backends")]


def main():
    program, folder = str(pathlib.Path(sys.argv[1]).resolve()), pathlib.Path(sys.argv[2])
    if folder.exists():
        raise SystemExit(f"{folder} exists; golden packages are made once")
    folder.mkdir(parents=True)

    def run(*arguments):
        subprocess.run([program, *arguments, "-q"], cwd=folder, check=True, stdout=subprocess.DEVNULL,
                       env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"})

    def build(model, name, *arguments):
        run("build", str(DATA / "models" / model), "-o", name + ".onnxpkg", *BACKENDS, *arguments)

    (folder / "labels.txt").write_text("cat\ndog\n")
    build("add.onnx", "plain", "--backend", "none")
    build("external.onnx", "variants", "--backend", "good", "-t", "x86-64-v3", "-t", "x86-64-v4", "--attach", "labels.txt",
          "--package-version", "1.2", "--license", "MIT")
    build("external.onnx", "extents", "--backend", "keeps-weights", "-t", "x86-64-v2", "-t", "x86-64-v3", "-t", "x86-64-v4")
    run("select", "variants.onnxpkg", "-t", "x86-64-v3", "--prefer-variants", "-o", "slim.onnxpkg")
    run("select", "extents.onnxpkg", "-t", "x86-64-v3", "--prefer-variants", "--prefer-mapped", "-o", "mapped.onnxpkg")
    codes = [f"--target=x86-64-v{level}" for level in (2, 3, 4)]
    build("ternary.onnx", "ternary", "--backend", "ternary", *codes)
    build("ternary.onnx", "ternary-compact", "--backend", "ternary", *codes, "--compact")
    run("select", "ternary-compact.onnxpkg", "-t", "x86-64-v4", "--variant", "x86-64-v4-ternary", "-o", "ternary-inside.onnxpkg")
    (folder / "labels.txt").unlink()
    lines = []
    for path in sorted(folder.iterdir()):
        with zipfile.ZipFile(path) as archive:
            identity = hashlib.sha256(archive.read("manifest.json")).hexdigest()
        lines.append(f"{path.name}\t{identity}\t{hashlib.sha256(path.read_bytes()).hexdigest()}\n")
    (folder / "ids.tsv").write_text("".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
