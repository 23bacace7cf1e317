#!/usr/bin/env python3
"""Unpacks the files of a wheel that match a pattern into a folder, without the folders they stand in.

usage: unpack.py WHEEL DEST PATTERN[=NAME]...    NAME: what the file is called in DEST; its own name otherwise
"""

import fnmatch
import pathlib
import shutil
import sys
import zipfile


def main() -> int:
    wheel, dest, *patterns = sys.argv[1:]
    dest = pathlib.Path(dest)
    dest.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel) as archive:
        for pattern in patterns:
            pattern, _, name = pattern.partition("=")
            members = fnmatch.filter(archive.namelist(), pattern)
            if not members:
                print(f"unpack: {wheel} has no {pattern}", file=sys.stderr)
                return 1
            for member in members:
                target = dest / (name or pathlib.PurePosixPath(member).name)
                with archive.open(member) as source, open(target, "wb") as out:
                    shutil.copyfileobj(source, out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
