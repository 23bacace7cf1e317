#!/usr/bin/env python3
"""Makes the damaged archives in damaged/, one per rule of the reader, from one small good archive.

    make_damaged.py            writes damaged/*.zip, removes others
    make_damaged.py --check    exits 1 and names each file that differs from what would be written

The writer below follows docs/format.md, not the C++ code, so it is also a second opinion on the canonical form. What the
reader says to each file stands in expected.tsv.
"""
import pathlib
import struct
import sys
import zlib

FOLDER = pathlib.Path(__file__).resolve().parent / "damaged"
LOCAL, CENTRAL, END = 0x04034B50, 0x02014B50, 0x06054B50
END64, LOCATOR = 0x06064B50, 0x07064B50


class Member:
    """name, data, and what to falsify: fields of the local or central header by name."""

    def __init__(self, name, data, local=None, central=None, gap=b""):
        self.name = name if isinstance(name, bytes) else name.encode()
        self.data = data
        self.local = local or {}
        self.central = central or {}
        self.gap = gap  # stands before the local header and belongs to nothing


def common(member, false):
    field = {
        "version": 10,
        "flags": 0 if member.name.isascii() else 0x0800,
        "method": 0,
        "time": 0,
        "date": 0x0021,
        "crc": zlib.crc32(member.data),
        "compressed": len(member.data),
        "uncompressed": len(member.data),
        "name_size": len(member.name),
        "name": member.name,
    }
    field.update(false)
    return field


def local_header(member, offset):
    unpadded = offset + 30 + len(member.name) + 6
    alignment = 4096 if len(member.data) >= 65536 else 64
    padding = -unpadded % alignment
    field = common(member, {"signature": LOCAL, "extra_id": 0xD935, "alignment": alignment, "padding": bytes(padding)})
    field["extra_data_size"] = 2 + padding
    field["extra_size"] = 6 + padding
    field.update(member.local)
    return struct.pack(
        "<IHHHHHIIIHH", field["signature"], field["version"], field["flags"], field["method"], field["time"],
        field["date"], field["crc"], field["compressed"], field["uncompressed"], field["name_size"], field["extra_size"],
    ) + field["name"] + struct.pack(
        "<HHH", field["extra_id"], field["extra_data_size"], field["alignment"]) + field["padding"]


def central_header(member, offset):
    field = common(member, {
        "signature": CENTRAL, "made_by": 0x031E, "extra": b"", "comment": b"", "disk": 0, "internal": 0,
        "attributes": 0o100644 << 16, "offset": offset})
    field.update(member.central)
    return struct.pack(
        "<IHHHHHHIIIHHHHHII", field["signature"], field["made_by"], field["version"], field["flags"], field["method"],
        field["time"], field["date"], field["crc"], field["compressed"], field["uncompressed"], field["name_size"],
        len(field["extra"]), len(field["comment"]), field["disk"], field["internal"], field["attributes"],
        field["offset"]) + field["name"] + field["extra"] + field["comment"]


def end_record(count, size, offset, disk=0, directory_disk=0, here=None, comment=b"", comment_size=None):
    return struct.pack("<IHHHHIIH", END, disk, directory_disk, count if here is None else here, count, size, offset,
                       len(comment) if comment_size is None else comment_size) + comment


def end64(start, count, size, offset, signature=END64, record_size=44, made_by=0x031E, version=45, disk=0, here=None,
          locator_disk=0, locator_offset=None, disks=1, tail=b""):
    return struct.pack("<IQHHIIQQQQ", signature, record_size, made_by, version, disk, 0, count if here is None else here,
                       count, size, offset) + tail + struct.pack(
        "<IIQI", LOCATOR, locator_disk, start if locator_offset is None else locator_offset, disks)


def archive(members, prefix=b"", before_directory=b"", directory_order=None, end=None, **end_false):
    """The whole file. end(count, size, offset, start) makes what follows the directory, or end_false changes it."""
    out = bytearray(prefix)
    headers = []
    for member in members:
        out += member.gap
        offset = len(out)
        out += local_header(member, offset) + member.data
        headers.append(central_header(member, offset))
    out += before_directory
    offset = len(out)
    for i in directory_order or range(len(headers)):
        out += headers[i]
    size = len(out) - offset
    if end:
        return bytes(out) + end(len(members), size, offset, len(out))
    fields = {"count": len(members), "size": size, "offset": offset}
    fields.update(end_false)
    return bytes(out) + end_record(**fields)


MODEL = bytes(range(70))
NAMES = ["components/model/model.onnx", "components/model/gewichte-ä.bin", "layout.json", "manifest.json"]
DATA = [MODEL, b"weights", b"{}\n", b'{"version":"1.0"}\n']


def good():
    return [Member(name, data) for name, data in zip(NAMES, DATA)]


def with_member(index, **changes):
    members = good()
    for key, value in changes.items():
        setattr(members[index], key, value)
    return members


def central(index=1, **false):
    return archive(with_member(index, central=false))


def local(index=1, **false):
    return archive(with_member(index, local=false))


def named(*names):
    return archive([Member(name, b"x") for name in names])


def zip64(narrow=None, **false):
    def end(count, size, offset, start):
        wide = {"count": count, "size": size, "offset": offset}
        wide.update({k: false.pop(k) for k in ("count", "size", "offset") if k in false})
        fields = {"count": min(wide["count"], 0xFFFF), "size": min(wide["size"], 0xFFFFFFFF),
                  "offset": min(wide["offset"], 0xFFFFFFFF)}
        fields.update(narrow or {})
        return end64(start, **wide, **false) + end_record(**fields)

    return archive(good(), end=end)


def second_end_record():
    """The first member holds an end record whose comment would be the rest of the file."""
    members = good()
    members[0].data = bytes(22)
    rest = len(archive(members)) - 64 - 22
    members[0].data = end_record(0, 0, 0, comment_size=rest)
    return archive(members)


def overlap():
    """Two names for one member, as in a zip bomb."""
    members = good()
    members[2].central = {"offset": 192, "compressed": 7, "uncompressed": 7, "crc": zlib.crc32(b"weights")}
    return archive(members)


def folder_in_between():
    members = good()
    members.insert(1, Member("components/model/", b"", central={"attributes": 0o040755 << 16 | 0x10}))
    return archive(members)


def samples():
    whole = archive(good())
    # The file as a whole, and its end.
    yield "file-empty", b""
    yield "file-short", whole[:21]
    yield "file-no-zip", b"\x08\x08\x12\x07pytorch" + bytes(100)
    yield "file-cut-short", whole[:-40]
    yield "file-half", whole[: len(whole) // 2]
    yield "file-trailing-bytes", whole + b"tail"
    yield "file-leading-bytes", b"MZ" + bytes(62) + whole
    yield "file-leading-bytes-counted", archive(good(), prefix=b"#!/bin/sh\n")
    yield "end-comment", archive(good(), comment=b"hello")
    yield "end-comment-longer", archive(good(), comment_size=5)
    yield "end-comment-shorter", archive(good(), comment=b"hello", comment_size=3)
    yield "end-second", second_end_record()
    yield "end-split", archive(good(), disk=1, directory_disk=1)
    yield "end-counts-differ", archive(good(), here=3)
    yield "end-no-members", end_record(0, 0, 0)
    yield "end-count-high", archive(good(), count=5)
    yield "end-count-low", archive(good(), count=3)
    yield "end-directory-offset", archive(good(), offset=100)
    yield "end-directory-size-large", archive(good(), size=100000)
    yield "end-directory-size-small", archive(good(), size=46)
    # ZIP64 end records. None of them is needed here, which is refused last.
    yield "zip64-superfluous", zip64()
    yield "zip64-no-locator", archive(good(), offset=0xFFFFFFFF)
    yield "zip64-locator-disk", zip64(locator_disk=1)
    yield "zip64-locator-disks", zip64(disks=2)
    yield "zip64-locator-offset", zip64(locator_offset=5)
    yield "zip64-gap", zip64(tail=bytes(8))
    yield "zip64-signature", zip64(signature=0x06064B51)
    yield "zip64-extensible", zip64(record_size=52)
    yield "zip64-versions", zip64(version=62)
    yield "zip64-disk", zip64(disk=1)
    yield "zip64-counts-differ", zip64(here=3)
    yield "zip64-count-contradicts", zip64(narrow={"count": 3})
    yield "zip64-size-contradicts", zip64(narrow={"size": 3})
    yield "zip64-offset-contradicts", zip64(narrow={"offset": 3})
    yield "zip64-offset-overflow", zip64(offset=0xFFFFFFFFFFFFFFFF)
    yield "limit-members", zip64(count=300000)
    yield "limit-directory", archive(good(), size=(64 << 20) + 1)
    yield "limit-name", named("a/" * 500 + "b" * 100)
    # Central headers.
    yield "central-signature", central(signature=CENTRAL + 1)
    yield "central-name-too-long", central(3, name_size=200)
    yield "central-encrypted", central(flags=0x0801)
    yield "central-deflated", central(method=8)
    yield "central-data-descriptor", central(flags=0x0808)
    yield "central-comment", central(comment=b"hi")
    yield "central-disk", central(disk=1)
    yield "central-symlink", central(attributes=0o120777 << 16)
    yield "central-folder", folder_in_between()
    yield "central-folder-attribute", central(attributes=0o040755 << 16)
    yield "central-flags", central(flags=0x0802)
    yield "central-utf8-flag-missing", central(flags=0)
    yield "central-utf8-flag-superfluous", central(0, flags=0x0800)
    yield "central-version", central(version=20)
    yield "central-made-by", central(made_by=0x0314)
    yield "central-time", central(time=0x6000)
    yield "central-date", central(date=0x5A21)
    yield "central-internal-attributes", central(internal=1)
    yield "central-attributes", central(attributes=0o100755 << 16)
    yield "central-extra-unicode-path", central(extra=struct.pack("<HHBI", 0x7075, 10, 1, 0) + b"other")
    yield "central-extra-alignment", central(extra=struct.pack("<HHH", 0xD935, 2, 64))
    yield "central-extra-cut-short", central(extra=struct.pack("<HH", 1, 9) + bytes(8))
    yield "central-extra-header-cut-short", central(extra=b"\x01\x00\x00")
    yield "central-extra-two-zip64", central(uncompressed=0xFFFFFFFF, extra=struct.pack("<HHQ", 1, 8, 1 << 33) * 2)
    yield "central-zip64-missing", central(uncompressed=0xFFFFFFFF)
    yield "central-zip64-small-size", central(
        compressed=0xFFFFFFFF, uncompressed=0xFFFFFFFF, extra=struct.pack("<HHQQ", 1, 16, 7, 7))
    yield "central-zip64-small-offset", central(offset=0xFFFFFFFF, extra=struct.pack("<HHQ", 1, 8, 192))
    yield "central-zip64-unused", central(extra=struct.pack("<HHQ", 1, 8, 7))
    yield "central-zip64-empty", central(extra=struct.pack("<HH", 1, 0))
    yield "central-zip64-size-overflow", central(
        compressed=0xFFFFFFFF, uncompressed=0xFFFFFFFF, version=45,
        extra=struct.pack("<HHQQ", 1, 16, 0xFFFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF))
    yield "central-zip64-offset-overflow", central(
        offset=0xFFFFFFFF, version=45, extra=struct.pack("<HHQ", 1, 8, 0xFFFFFFFFFFFFFFF0))
    yield "central-sizes-differ", central(compressed=6)
    yield "central-size-larger", central(compressed=100, uncompressed=100)
    yield "central-size-smaller", central(compressed=3, uncompressed=3)
    yield "central-size-last-larger", central(3, compressed=100, uncompressed=100)
    yield "central-size-last-smaller", central(3, compressed=3, uncompressed=3)
    yield "central-offset", central(offset=191)
    yield "central-order", archive(good(), directory_order=[1, 0, 2, 3])
    yield "central-crc", central(crc=0x12345678)
    # Layout.
    yield "gap-first", archive(with_member(0, gap=bytes(64)))
    yield "gap-between", archive(with_member(2, gap=bytes(64)))
    yield "gap-before-directory", archive(good(), before_directory=bytes(10))
    yield "overlap", overlap()
    yield "member-hidden", archive(good()[:1] + [Member("hidden", b"h")] + good()[1:], directory_order=[0, 2, 3, 4],
                                   count=4)
    # Names.
    yield "name-empty", named("")
    yield "name-traversal", named("a/../../etc/passwd")
    yield "name-absolute", named("/etc/passwd")
    yield "name-backslash", named("..\\evil.dll")
    yield "name-drive", named("C:/evil.dll")
    yield "name-dot", named("a/./b")
    yield "name-double-slash", named("a//b")
    yield "name-trailing-slash", named("a/")
    yield "name-nul", named("model.onnx\0.txt")
    yield "name-control", named("a\x1b[31m")
    yield "name-not-utf8", named(b"caf\xe9")
    yield "name-overlong-utf8", named(b"a\xc0\xafb")
    yield "name-device", named("nul.txt")
    yield "name-trailing-dot", named("a./b")
    yield "name-trailing-space", named("a /b")
    yield "name-component-long", named("x" * 256)
    yield "name-twice", named("a", "a")
    yield "name-case", named("Model.onnx", "model.onnx")
    yield "name-case-utf8", named("Ä.bin", "ä.bin")
    yield "name-file-then-folder", named("a", "a/b")
    yield "name-folder-then-file", named("a/b/c", "A")
    # Local headers.
    yield "local-signature", local(signature=LOCAL + 1)
    yield "local-version", local(version=20)
    yield "local-flags", local(flags=0)
    yield "local-encrypted", local(flags=0x0801)
    yield "local-data-descriptor", local(flags=0x0808)
    yield "local-method", local(method=8)
    yield "local-time", local(time=1)
    yield "local-date", local(date=0x5A21)
    yield "local-crc", local(crc=0)
    yield "local-stored-size", local(compressed=8)
    yield "local-size", local(uncompressed=8)
    yield "local-name-size", local(name_size=5)
    yield "local-name", local(name="components/model/gewichte-ö.bin".encode())
    yield "local-extra-size", local(extra_size=6)
    yield "local-extra-id", local(extra_id=0x7075)
    yield "local-extra-data-size", local(extra_data_size=2)
    yield "local-alignment", local(alignment=16)
    yield "local-padding", local(padding=b"\0secret\0" + bytes(46))
    # Content.
    yield "content-flipped", whole.replace(b"weights", b"weighty")


def main():
    made = {f"{name}.zip": data for name, data in samples()}
    if "--check" not in sys.argv:
        FOLDER.mkdir(exist_ok=True)
        for path in FOLDER.iterdir():
            path.unlink()
        for name, data in made.items():
            (FOLDER / name).write_bytes(data)
        return 0
    there = {path.name: path.read_bytes() for path in FOLDER.iterdir()}
    wrong = sorted(name for name in made.keys() | there.keys() if made.get(name) != there.get(name))
    for name in wrong:
        print(f"{name}: differs from what make_damaged.py makes")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
