"""Makes packages with a wrong extent map or layout out of a right one with a single map; but for flipped bits, the container is right.

usage: forge_packages.py PACKAGE
"""

import copy
import hashlib
import json
import pathlib
import struct
import sys
import zipfile
import zlib

import strict_reader  # how a container is written stands there already


def write(path: str, entries: dict[str, bytes]) -> None:
    body, directory = b"", b""
    for name, content in entries.items():
        numbers = (name.encode(), zlib.crc32(content), len(content), len(body))
        directory += strict_reader.central_header(*numbers)
        body += strict_reader.local_header(*numbers) + content
    pathlib.Path(path).write_bytes(body + directory + strict_reader.end_records(len(entries), len(directory), len(body)))


def records(content: bytes) -> tuple[list[list[int]], bytes]:
    end = 16 + 32 * int.from_bytes(content[8:16], "little")
    return [list(r) for r in struct.iter_unpack("<QQQII", content[16:end])], content[end:]


def encode(extents: list[list[int]], residual: bytes) -> bytes:
    return b"extents1" + struct.pack("<Q", len(extents)) + b"".join(struct.pack("<QQQII", *e) for e in extents) + residual


def main() -> None:
    with zipfile.ZipFile(sys.argv[1]) as package:
        entries = {name: package.read(name) for name in package.namelist()}
    map_name = next(name for name in entries if name.startswith("extents/"))
    extents, residual = records(entries[map_name])
    large = max(range(len(extents)), key=lambda i: extents[i][0])
    size, offset = extents[large][:2]

    def forge(name: str, content: bytes, change=lambda layout, held: None) -> None:
        """`held` is what the layout says of the member that the map describes. The map's own size and digest are made right."""
        changed, layout = dict(entries), json.loads(entries["layout.json"])
        by_name = {m["name"]: m for m in layout["members"]}
        by_name[map_name].update(size=len(content), sha256=hashlib.sha256(content).hexdigest())
        change(layout, by_name[map_name.removeprefix("extents/")])
        changed[map_name], changed["layout.json"] = content, json.dumps(layout).encode()
        write(name + ".onnxpkg", changed)

    def extent(name: str, **fields: int) -> None:
        changed = copy.deepcopy(extents)
        for field, value in fields.items():
            changed[large][("size", "offset", "parameters", "source", "transformation").index(field)] = value
        forge(name, encode(changed, residual))

    def flip(name: str, at: int) -> None:
        content = bytearray(pathlib.Path(sys.argv[1]).read_bytes())
        content[at] ^= 1
        pathlib.Path(name + ".onnxpkg").write_bytes(content)

    right = encode(extents, residual)
    at = pathlib.Path(sys.argv[1]).read_bytes().index(right)
    flip("flipped-extent", at + 16 + 32 * large + 8)
    flip("flipped-residual", at + len(right) - 1)
    flip("flipped-local-padding", at - 1)
    forge("right", right)
    extent("extent-elsewhere", offset=offset + 1)
    extent("extent-empty", size=0)
    extent("extent-too-long", size=size + 1)
    extent("extent-too-short", size=size - 1)
    extent("extent-beyond-source", offset=2**64 - 1)
    extent("extent-of-third-source", source=2)
    extent("extent-with-parameters", parameters=1)
    extent("extent-transposed", transformation=1, parameters=2 << 8 | 3)
    extent("extent-unknown", transformation=3)
    forge("map-magic", b"extents2" + right[8:])
    forge("map-count", right[:8] + struct.pack("<Q", 2**59) + right[16:])
    forge("map-short", right[:15])
    forge("residual-flipped", right[:-1] + bytes([right[-1] ^ 1]))
    forge("residual-longer", right + b"x")
    forge("residual-shorter", right[:-1])
    forge("layout-source-absent", right, lambda layout, held: held.update(sources=["variants/none"]))
    forge("layout-source-itself", right, lambda layout, held: held.update(sources=[held["name"]]))
    forge("layout-source-own-map", right, lambda layout, held: held["sources"].append(map_name))
    forge("layout-source-twice", right, lambda layout, held: held["sources"].append(held["sources"][0]))
    forge("layout-no-source", right, lambda layout, held: held.pop("sources"))
    forge("layout-stored", right, lambda layout, held: held.update(storage="stored"))
    forge("layout-absent", right, lambda layout, held: (held.update(storage="absent"), held.pop("sources")))
    forge("layout-storage-unknown", right, lambda layout, held: (held.update(storage="elsewhere"), layout.update(schema_version="1.9")))
    forge("layout-major", right, lambda layout, held: layout.update(schema_version="2.0"))
    forge("layout-without-member", right, lambda layout, held: layout["members"].remove(held))
    forge("layout-with-another", right, lambda layout, held: layout["members"].append({"name": "other", "storage": "absent"}))
    swapped = {name: content for name, content in entries.items() if name != "layout.json"}
    write("index-swapped.onnxpkg", swapped | {"layout.json": entries["layout.json"]})
    write("index-alone.onnxpkg", {name: entries[name] for name in ("layout.json", "manifest.json")})


if __name__ == "__main__":
    main()
