#!/usr/bin/env python3
"""Compares every #include of lib/ and apps/ with cmake/layers.txt.

Static libraries do not stop a forbidden include at link time, and a header reached through another one's include root
compiles; so this does. usage: check_includes.py ROOT
"""

import pathlib
import sys

import tree

OURS = "onnxpack/"


def ours(file: pathlib.Path, area: str, header: str, layers: tree.Layers, root: pathlib.Path) -> str | None:
    other = header.split("/")[1]
    if not (root / "lib" / other / "include" / header).is_file():
        return f"there is no lib/{other}/include/{header}"
    if other != area and other not in layers.reachable(area):
        return f"{area} must not use {other}: cmake/layers.txt has no such arrow"
    return None


def foreign(file: pathlib.Path, area: str, header: str, layers: tree.Layers) -> str | None:
    owners = layers.third_party_owners(header)
    if owners is None:
        # The standard library's headers have neither folder nor ending.
        if "/" in header or "." in header:
            return f"<{header}> is of no library in cmake/layers.txt"
        return None
    if "*" not in owners and area not in owners:
        return f"<{header}> may be included in {', '.join(owners)} only"
    if "include" in file.parts:
        return f"<{header}> shows in a public header"
    return None


def private(file: pathlib.Path, header: str, root: pathlib.Path) -> str | None:
    folder = root / (pathlib.Path(*file.parts[:2]) if file.parts[0] == "lib" else pathlib.Path(*file.parts[:-1]))
    if (root / file.parent / header).is_file() or (folder / header).is_file():
        return None
    return f'"{header}" is not beside the file; public headers are included as "onnxpack/<area>/<name>.h"'


def main() -> int:
    root = tree.root_from_arguments()
    layers = tree.Layers(root)
    problems = []
    files = tree.code_files(root, "lib", "apps")
    for file in files:
        area = tree.area_of(file)
        if area not in layers.direct:
            problems.append(f"{file}: {area} is not in cmake/layers.txt")
            continue
        for line, mark, header in tree.includes((root / file).read_text()):
            if header.startswith(OURS):
                problem = ours(file, area, header, layers, root)
            elif mark == "<":
                problem = foreign(file, area, header, layers)
            else:
                problem = private(file, header, root)
            if problem:
                problems.append(f"{file}:{line}: {problem}")
    return tree.finish(problems, len(files))


if __name__ == "__main__":
    sys.exit(main())
