#!/usr/bin/env python3
"""Makes corpus/package: small packages taken apart into the sections that package_fuzz.cc reads.

    make_package_corpus.py ONNX-PACK     the built program
"""
import pathlib
import subprocess
import sys
import tempfile
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
DATA = HERE.parent / "data"
BACKENDS = ["--backend-path", str(HERE.parent / "support/backends")]


def sections(path):
    with zipfile.ZipFile(path) as archive:
        return b"".join(b"=%= " + info.filename.encode() + b"\n" + archive.read(info) for info in archive.infolist())


def main():
    program = str(pathlib.Path(sys.argv[1]).resolve())
    corpus = HERE / "corpus/package"
    corpus.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)

        def run(*arguments):
            subprocess.run([program, *arguments, "-q"], cwd=root, check=True, stdout=subprocess.DEVNULL,
                           env={"PATH": "/usr/bin:/bin", "HOME": folder})

        def build(model, name, *arguments):
            run("build", str(DATA / "models" / model), "-o", name, *BACKENDS, *arguments)

        (root / "labels.txt").write_text("cat\n")
        build("add.onnx", "plain", "--backend", "none")
        build("external.onnx", "variants", "--backend", "good", "-t", "x86-64-v3", "-t", "x86-64-v4", "--attach", "labels.txt")
        build("external.onnx", "extents", "--backend", "keeps-weights", "-t", "x86-64-v2", "-t", "x86-64-v3", "-t", "x86-64-v4")
        codes = ("--backend", "ternary", "-t", "x86-64-v3", "-t", "x86-64-v4")
        build("ternary.onnx", "ternary", *codes)
        build("ternary.onnx", "ternary-compact", *codes, "--compact")
        run("select", "ternary-compact", "-t", "x86-64-v4", "--variant", "x86-64-v4-ternary", "--no-fallback", "-o", "ternary-slim")
        run("select", "variants", "-t", "x86-64-v3", "--prefer-variants", "-o", "slim")
        run("select", "extents", "-t", "x86-64-v3", "--prefer-variants", "--prefer-mapped", "-o", "mapped")
        for path in sorted(root.iterdir()):
            if zipfile.is_zipfile(path):
                (corpus / path.name).write_bytes(sections(path))
    return 0


if __name__ == "__main__":
    sys.exit(main())
