"""What the checks in this folder share: the files of the tree and the table of layers."""

import pathlib
import re
import sys

CODE = (".h", ".cc")


class Layers:
    """cmake/layers.txt: which area may use which, and which may include a third-party header."""

    def __init__(self, root: pathlib.Path):
        self.direct: dict[str, list[str]] = {}
        self.third_party: list[tuple[tuple[str, ...], list[str]]] = []
        for line in (root / "cmake/layers.txt").read_text().splitlines():
            if line.startswith("#") or not line.strip():
                continue
            left, _, right = line.partition(":")
            if left.startswith("third-party "):
                self.third_party.append((tuple(left.split()[1:]), right.split()))
            else:
                self.direct[left] = right.split()

    def reachable(self, area: str) -> set[str]:
        seen: set[str] = set()
        todo = [area]
        while todo:
            for use in self.direct.get(todo.pop(), []):
                if use not in seen:
                    seen.add(use)
                    todo.append(use)
        return seen

    def third_party_owners(self, header: str) -> list[str] | None:
        for prefixes, owners in self.third_party:
            if header.startswith(prefixes):
                return owners
        return None


def area_of(path: pathlib.PurePath) -> str:
    """lib/<area>/... -> <area>; apps/backends/<name>/... -> apps/backends; apps/<name>/... -> apps/<name>."""
    parts = path.parts
    return parts[1] if parts[0] == "lib" else "/".join(parts[:2])


def code_files(root: pathlib.Path, *folders: str) -> list[pathlib.Path]:
    return sorted(
        file.relative_to(root)
        for folder in folders
        for file in (root / folder).rglob("*")
        if file.suffix in CODE and file.is_file()
    )


def includes(text: str) -> list[tuple[int, str, str]]:
    """Line number, opening mark (< or ") and header of each #include."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if match:
            found.append((number, match[1], match[2]))
    return found


def finish(problems: list[str], looked_at: int) -> int:
    for problem in problems:
        print(problem)
    print(f"{looked_at} looked at, {len(problems)} wrong")
    if looked_at == 0:
        print("a check that looks at nothing proves nothing")
        return 1
    return 1 if problems else 0


def root_from_arguments() -> pathlib.Path:
    return pathlib.Path(sys.argv[1]).resolve()
