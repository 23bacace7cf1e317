#!/usr/bin/env python3
"""Reads a zip with CPython's zipfile and, where installed, Info-ZIP's unzip, and prints what both see.

    peers.py ARCHIVE [--names-only]
    peers.py --all FOLDER

Output: a line "SHA256 NAME" per member (or "- NAME"), in file order. Exits 1 with a message when the two disagree or one
complains. --all does so for each file of a folder, in order of names, with a line "== FILE" before each: starting Python once is
what makes hundreds of archives affordable.
"""
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import zipfile


def unzip_contents(archive):
    with tempfile.TemporaryDirectory() as folder:
        environment = dict(os.environ, LC_ALL="C.UTF-8")
        subprocess.run(["unzip", "-q", archive, "-d", folder], check=True, env=environment)
        root = pathlib.Path(folder)
        return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def listing(archive):
    with zipfile.ZipFile(archive) as peer:
        if (bad := peer.testzip()) is not None:
            raise SystemExit(f"{archive}: zipfile finds {bad} damaged")
        names = [info.filename for info in peer.infolist()]
        contents = {info.filename: peer.read(info) for info in peer.infolist()}
    if len(contents) != len(names):
        raise SystemExit(f"{archive}: zipfile sees a name twice")
    if shutil.which("unzip") and unzip_contents(archive) != contents:
        raise SystemExit(f"{archive}: zipfile and unzip disagree")
    for name in names:
        print(hashlib.sha256(contents[name]).hexdigest(), name)


def main():
    if sys.argv[1] == "--all":
        for path in sorted(pathlib.Path(sys.argv[2]).iterdir()):
            print("==", path.name)
            listing(str(path))
    elif "--names-only" in sys.argv:
        with zipfile.ZipFile(sys.argv[1]) as peer:
            for info in peer.infolist():
                print("-", info.filename)
    else:
        listing(sys.argv[1])
    return 0


if __name__ == "__main__":
    sys.exit(main())
