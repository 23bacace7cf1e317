#!/usr/bin/env python3
"""Reads .onnxpkg files with Python's standard library alone.

usage: read_package.py PACKAGE                             lists the members: size, storage, SHA-256, name
       read_package.py PACKAGE --check                     verifies every entry's CRC and every member's size and SHA-256
       read_package.py PACKAGE --member NAME -o FILE       writes one member
       read_package.py PACKAGE --all -o FOLDER             writes everything that the file holds

Written from docs/format.md, whose sections it names, and docs/manifest.md alone. What is written is verified first. Exit codes
are those of docs/exit-codes.md. Not here: that the container is canonical and that nothing in it is superfluous, for which see
tests/support/strict_reader.py; and the original model out of the annotated one, strip-annotations/1 of docs/scope-metadata.md.
"""

import argparse, hashlib, json, mmap, os, re, struct, sys, zipfile, zlib
from types import SimpleNamespace as Record

USAGE, NOT_FOUND, UNTRUSTED, IO, UNSUPPORTED = 2, 4, 5, 7, 9
INDEX = ["layout.json", "manifest.json"]


class Refused(Exception):
    """The text, and the exit code."""


def need(truth, text, code=UNTRUSTED):
    if not truth:
        raise Refused(text, code)


# --- members in other forms, section 2.2 ---

U2, T5R, T5K = 1, 2, 3
REALS = {16: ("I", 1 << 31), 17: ("H", 1 << 15), 18: ("H", 1 << 15)}  # of a form: its numbers as integers, and their sign bit

# Of a byte with four or five codes: the digit of each, 3 where it stands for no weights.
DIGITS = {4: [bytes(b >> 2 * i & 3 for b in range(256)) for i in range(4)],
          5: [bytes(b // 3**i % 3 if b < 243 else 3 for b in range(256)) for i in range(5)]}


def up(number, multiple):
    return -(-number // multiple) * multiple


def transpose(matrix, columns, element):
    cells = matrix.cast({1: "B", 2: "H", 4: "I", 8: "Q"}[element])
    return b"".join(cells[c::columns].tobytes() for c in range(columns))


def padded(form, rows, columns):
    """The shape of a matrix of codes with its padding, and how many codes are in a byte; the digits of each are written to base 4 or 3."""
    if form == U2:  # rows share bytes
        return 1, up(rows * columns, 4), 4
    return (up(rows, 5), up(columns, 64), 5) if form == T5R else (rows, up(columns, 5), 5)


def unpack(data, form, rows, columns):
    """The codes 0, 1 and 2 of the matrix that begins there, row by row."""
    if form in REALS:
        kind, sign = REALS[form]
        values = data[:rows * columns * struct.calcsize(kind)].cast(kind)
        return bytes(1 if value & (sign - 1) == 0 else 0 if value & sign else 2 for value in values)
    height, width, digits = padded(form, rows, columns)
    out, data = bytearray(height * width), bytes(data[:height * width // digits])
    for i in range(digits):
        plane = data.translate(DIGITS[digits][i])
        if form == T5R:
            for r in range(i, height, 5):
                out[r * width:(r + 1) * width] = plane[r // 5 * width:(r // 5 + 1) * width]
        else:
            out[i::digits] = plane
    stride = columns if form == U2 else width
    codes = b"".join(out[r * stride:r * stride + columns] for r in range(rows))
    need(3 not in codes, "a byte of its ternary codes stands for no weights")
    return codes


def pack(codes, form, rows, columns):
    height, width, digits = padded(form, rows, columns)
    if form == U2:
        out = codes.ljust(width, b"\0")
    else:
        out = b"".join(codes[r * columns:(r + 1) * columns].ljust(width, b"\1") for r in range(rows)).ljust(height * width, b"\1")
    planes = [out[i::digits] for i in range(digits)]
    if form == T5R:
        planes = [b"".join(out[r * width:(r + 1) * width] for r in range(i, height, 5)) for i in range(5)]
    base = 4 if digits == 4 else 3
    return bytes(sum(code * base**i for i, code in enumerate(group)) for group in zip(*planes))


def ternary(sources, descriptor, source, offset):
    """The bytes of an extent of ternary/1."""
    rows, columns, source_form, form, order, scales, block, scale_source, _, scale_offset = struct.unpack("<QQBBBBIIIQ", descriptor)
    need(0 < rows * columns <= 5 * len(sources[source]), f"its source has no ternary matrix of {rows} rows and {columns} columns")
    shape = (columns, rows) if order & 1 else (rows, columns)
    codes = unpack(sources[source][offset:], source_form, *shape)
    if order & 1:
        codes = b"".join(codes[r::rows] for r in range(rows))
    if form not in REALS:
        return pack(codes, form, rows, columns)
    kind, sign = REALS[form]
    height, width = (columns, rows) if order & 2 else (rows, columns)
    across = up(width, block) // block if scales == 3 else 1
    count = (0, 1, height, height * across)[scales] * struct.calcsize(kind)
    values, out = sources[scale_source][scale_offset:scale_offset + count].cast(kind), []
    for i, code in enumerate(codes):
        n, k = divmod(i, columns)[::-1] if order & 2 else divmod(i, columns)
        scale = values[0 if scales == 1 else n * across + (k // block if scales == 3 else 0)]
        out.append((scale ^ sign, 0, scale)[code])
    return struct.pack(f"<{len(out)}{kind}", *out)


# --- the package: manifest.json, layout.json, and members as extents, section 2 ---


class Package:
    def __init__(self, path):
        with open(path, "rb") as file:
            empty = os.fstat(file.fileno()).st_size == 0  # which mmap refuses
            self.data = memoryview(b"" if empty else mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        self.entries = self.directory(path)
        self.id = hashlib.sha256(self.entry("manifest.json")).hexdigest()
        self.known = {m["name"]: m for m in self.index("manifest")}
        self.members = {held["name"]: self.member(held) for held in self.index("layout")}

    def directory(self, path):
        """Name to Record(crc, size, start) for each entry. Any zip reader will do (1)."""
        entries = {}
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                lengths = struct.unpack("<HH", self.data[info.header_offset + 26:info.header_offset + 30])
                entries[info.filename] = Record(crc=info.CRC, size=info.file_size, start=info.header_offset + 30 + sum(lengths))
        return entries

    def entry(self, name):
        """The bytes of a container entry, once their CRC is right."""
        e = self.entries[name]
        content = self.data[e.start:e.start + e.size]
        need(zlib.crc32(content) == e.crc, f"{name}: its CRC-32 is not the one in its header")
        return content

    def index(self, which, **parsing):
        """The members that manifest.json or layout.json lists."""
        found = json.loads(bytes(self.entry(f"{which}.json")).decode(), **parsing)
        form, version = found["format"], found["schema_version"]
        need(form == f"onnx-pack/{which}", f"{which}.json: its format is {form!r}")
        need(re.fullmatch(r"1\.\d+", version), f"{which}.json: schema version {version!r} is not known here, expected 1.x", UNSUPPORTED)
        return found.get("members", [])

    def member(self, held):
        """What the layout says of a member; what the manifest does not know comes with its own size and digest."""
        name, storage, about = held["name"], held["storage"], self.known.get(held["name"], held)
        need(storage in ("stored", "extents", "absent"), f"layout.json: {name}: storage {storage!r} is not known here", UNSUPPORTED)
        return Record(name=name, storage=storage, sources=held.get("sources", []), size=about["size"], sha256=about["sha256"])

    def extents(self, member):
        """The bytes of each extent in turn (2.1)."""
        whole = self.entry("extents/" + member.name)
        need(whole[:8] == b"extents1", f"extents/{member.name}: is no extent map")
        end = 16 + 32 * int.from_bytes(whole[8:16], "little")
        sources = [whole[end:]] + [self.entry(source) for source in member.sources]
        for size, offset, parameters, source, transformation in struct.iter_unpack("<QQQII", whole[16:end]):
            if transformation == 0:
                yield sources[source][offset:offset + size]
            elif transformation == 1:
                yield transpose(sources[source][offset:offset + size], parameters >> 8, parameters & 0xFF)
            else:
                need(transformation == 2, f"{member.name}: transformation {transformation} is not known here", UNSUPPORTED)
                yield ternary(sources, sources[0][parameters:parameters + 40], source, offset)

    def read(self, name, write=lambda piece: None):
        """Gives a member's bytes to `write`, piece by piece, and raises at the end if they are not the member's."""
        if name in INDEX:
            return write(self.entry(name))
        need(name in self.members, f"no member {name!r} in this package", NOT_FOUND)
        member = self.members[name]
        need(member.storage != "absent", f"{name}: is not in this file; the whole package with the id {self.id} has it", NOT_FOUND)
        digest, size = hashlib.sha256(), 0
        for piece in [self.entry(name)] if member.storage == "stored" else self.extents(member):
            size += len(piece)
            need(size <= member.size, f"{name}: gives more than its {member.size} bytes")
            digest.update(piece)
            write(piece)
        need(size == member.size, f"{name}: has {size} bytes, expected {member.size}")
        need(digest.hexdigest() == member.sha256, f"{name}: its SHA-256 is {digest.hexdigest()}, expected {member.sha256}")


def write_members(package, paths):
    for name in paths:  # all of them first, so that nothing wrong is written
        need(not set(name.split("/")) & {"", ".", ".."} and not re.search(r"[\\:]", name), f"member name {name!r}: may leave the folder")
        package.read(name)
    for name, path in paths.items():
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        with open(path, "xb") as file:
            package.read(name, file.write)


def run(package, options):
    here = [m.name for m in package.members.values() if m.storage != "absent"]
    if options.member is not None:
        write_members(package, {options.member: options.output})
    elif options.all:  # no maps, since every member is a file in the folder, and no layout.json, since it speaks of this file
        need(not os.path.lexists(options.output), f"{options.output}: exists", USAGE)
        names = [name for name in here if not name.startswith("extents/")] + ["manifest.json"]
        write_members(package, {name: os.path.join(options.output, name) for name in names})
    elif options.check:
        for name in here:
            package.read(name)
        absent = len(package.members) - len(here)
        print(f"ok: {len(package.entries)} entries, {len(here)} members and maps, {absent} absent, id {package.id}")
    else:
        print(f"id {package.id}")
        for m in package.members.values():
            print(f"{m.size:>12}  {m.storage:<7}  {m.sha256}  {m.name}")


def main(reader=Package, usage=__doc__):
    parser = argparse.ArgumentParser(usage=usage.split("usage: ")[1].split("\n\n")[0])
    parser.add_argument("package")
    parser.add_argument("-o", "--output")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true")
    what.add_argument("--all", action="store_true")
    what.add_argument("--member")
    options = parser.parse_args()
    if (options.all or options.member is not None) != (options.output is not None):
        parser.error("--member and --all need -o; nothing else takes it")
    try:
        run(reader(options.package), options)
        return 0
    except Refused as error:
        text, code = f"{options.package}: {error.args[0]}", error.args[1]
    except OSError as error:
        text, code = f"{error.filename}: {error.strerror}", {FileNotFoundError: NOT_FOUND, FileExistsError: USAGE}.get(type(error), IO)
    except (zipfile.BadZipFile, LookupError, TypeError, AttributeError, ValueError, RecursionError, struct.error) as error:
        text, code = f"{options.package}: is not of the documented form ({type(error).__name__}: {error})", UNTRUSTED
    print(f"error: {text}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
