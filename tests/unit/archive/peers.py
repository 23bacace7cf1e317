#!/usr/bin/env python3
"""Reads a zip with CPython's zipfile and, where installed, Info-ZIP's unzip, and prints what both see.

    peers.py ARCHIVE [--names-only]

Output: a line "SHA256 NAME" per member (or "- NAME"). Exits 1 with a message when the two disagree or one complains.
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


def main():
    archive, names_only = sys.argv[1], "--names-only" in sys.argv
    with zipfile.ZipFile(archive) as peer:
        if names_only:
            for info in peer.infolist():
                print("-", info.filename)
            return 0
        if (bad := peer.testzip()) is not None:
            print(f"zipfile finds {bad} damaged")
            return 1
        contents = {info.filename: peer.read(info) for info in peer.infolist()}
    if shutil.which("unzip") and unzip_contents(archive) != contents:
        print("zipfile and unzip disagree")
        return 1
    for name, content in contents.items():
        print(hashlib.sha256(content).hexdigest(), name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
