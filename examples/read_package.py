#!/usr/bin/env python3
"""Reads .onnxpkg files with Python's standard library alone.

usage: read_package.py PACKAGE                             lists the members: size, storage, SHA-256, name
       read_package.py PACKAGE --check                     verifies every entry's CRC and every member's digests
       read_package.py PACKAGE --member NAME -o FILE       writes one member
       read_package.py PACKAGE --all -o FOLDER             writes everything that the file holds

Written from docs/format.md, whose sections it names, and docs/manifest.md alone. What is written is verified first. Exit codes
are those of docs/exit-codes.md. Not here: the original model out of the annotated one, which is strip-annotations/1 of
docs/scope-metadata.md, and what the manifest says of components and variants.
"""

import argparse, hashlib, json, mmap, os, re, struct, sys, zlib
from types import SimpleNamespace as Record

USAGE, NOT_FOUND, UNTRUSTED, IO, UNSUPPORTED = 2, 4, 5, 7, 9
FULL, CHUNK = 0xFFFFFFFF, 4 << 20
INDEX, EXTRA = ["layout.json", "manifest.json"], ("evidence/", "signatures/", "extents/")
DEVICES = re.compile(r"(con|prn|aux|nul|com[1-9]|lpt[1-9])(\..*)?", re.I | re.S)
RANGES = [(0x41, 0x5A), (0xC0, 0xD6), (0xD8, 0xDE), (0x391, 0x3A1), (0x3A3, 0x3A9), (0x410, 0x42F)]
LOWER = {c: c + 32 for first, last in RANGES for c in range(first, last + 1)} | {c: c + 80 for c in range(0x400, 0x410)}
LOWER |= {c: c + 1 for c in [*range(0x100, 0x137, 2), *range(0x139, 0x148, 2), *range(0x14A, 0x177, 2)] if c != 0x130}


class Refused(Exception):
    def __init__(self, text, code=UNTRUSTED):
        super().__init__(text)
        self.code = code


def need(truth, text, code=UNTRUSTED):
    if not truth:
        raise Refused(text, code)


# --- the container, section 1: every header is made anew from its numbers, and compared ---


def local_header(name, crc, size, at):
    """Everything from the header at `at` to the content (1.2)."""
    zip64 = struct.pack("<HHQQ", 1, 16, size, size) if size >= FULL else b""
    alignment = 4096 if size >= 65536 else 64
    padding = -(at + 30 + len(name) + len(zip64) + 6) % alignment
    extra = zip64 + struct.pack("<HHH", 0xD935, 2 + padding, alignment) + bytes(padding)
    version, flags, small = 45 if max(size, at) >= FULL else 10, 0 if name.isascii() else 0x0800, min(size, FULL)
    return struct.pack("<IHHHHHIIIHH", 0x04034B50, version, flags, 0, 0, 0x21, crc, small, small, len(name), len(extra)) + name + extra


def central_header(name, crc, size, at):
    numbers = ([size, size] if size >= FULL else []) + ([at] if at >= FULL else [])
    zip64 = struct.pack(f"<HH{len(numbers)}Q", 1, 8 * len(numbers), *numbers) if numbers else b""
    rest = struct.pack("<HHHHII", len(zip64), 0, 0, 0, 0x81A40000, min(at, FULL))
    return struct.pack("<IH", 0x02014B50, 0x031E) + local_header(name, crc, size, at)[4:28] + rest + name + zip64


def end_records(count, size, offset):
    small = [min(count, 0xFFFF)] * 2 + [min(size, FULL), min(offset, FULL)]
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, *small, 0)
    if count < 0xFFFF and max(size, offset) < FULL:
        return end
    zip64 = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 0x031E, 45, 0, 0, count, count, size, offset)
    return zip64 + struct.pack("<IIQI", 0x07064B50, 0, offset + size, 1) + end


def same(found, expected, what):
    if found != expected:
        at = next((i for i, (a, b) in enumerate(zip(found, expected)) if a != b), len(found))
        found, expected = (bytes(x[at:at + 8]).hex() or "nothing" for x in (found, expected))
        raise Refused(f"{what} is not in canonical form from its byte {at} on: found {found}, expected {expected}")


def check_names(names):
    """1.5, for all names of a package together."""
    files, folders = set(), set()
    for name in names:
        parts, folded = name.split("/"), name.translate(LOWER)
        safe = len(name.encode()) <= 1024 and not re.search(r"[\\:\x00-\x1f\x7f]", name) and all(
            p and len(p.encode()) <= 255 and p[-1] not in ". " and not DEVICES.fullmatch(p) for p in parts)
        need(safe, f"member name {name[:80]!r}: is not safe on every system")
        need(folded not in files, f"member name {name!r}: stands twice, or differs from another by case only")
        files.add(folded)
        folders.update(folded[:i] for i, c in enumerate(folded) if c == "/")
    need(not files & folders, f"member name {min(files & folders, default='')!r}: is also the folder of another")


def read_directory(data):
    """1.7: name to Record(crc, size, at, start) for each entry, in file order."""
    need(len(data) >= 22 and data[-22:-18] == b"PK\5\6", "no package: the last 22 bytes are no end record")
    tail, at = bytes(data[-65557:]), -1
    while (at := tail.find(b"PK\5\6", at + 1)) < len(tail) - 22:
        comment = int.from_bytes(tail[at + 20:at + 22], "little")
        need(at + 22 + comment != len(tail), "a second end record: zip readers would differ about what is in this file")
    count, size, offset = struct.unpack("<HII", data[-12:-2])
    if (count == 0xFFFF or size == FULL or offset == FULL) and len(data) >= 98:
        count, size, offset = struct.unpack("<QQQ", data[-66:-42])
    need(1 <= count <= 262144 and size <= 64 << 20, f"{count} entries in {size} bytes of directory are outside of the limits")
    need(offset < len(data), f"the central directory at byte {offset} is beyond the end of the file")
    end = end_records(count, size, offset)
    same(data[-len(end):], end, "the end")
    need(offset + size + len(end) == len(data), f"the central directory ends at {offset + size}, the end begins at {len(data) - len(end)}")
    entries, names, directory, here, position = {}, [], data[offset:offset + size], 0, 0
    for number in range(count):
        need(here + 46 <= size, f"central directory, header {number + 1}: is cut short")
        crc, length, name_length, extra = struct.unpack("<I4xIHH", directory[here + 16:here + 32])
        raw = bytes(directory[here + 46:here + 46 + name_length])
        name = raw.decode(errors="replace")
        if length == FULL and extra >= 12:
            length = int.from_bytes(directory[here + 50 + name_length:here + 58 + name_length], "little")
        need(length <= offset, f"{name}: {length} bytes do not fit in the file")
        header = central_header(raw, crc, length, position)
        same(directory[here:here + len(header)], header, f"{name}: its central header")
        need(name.encode() == raw, f"member name {raw!r}: is not UTF-8")
        start = position + len(local_header(raw, crc, length, position))
        entries[name] = Record(crc=crc, size=length, at=position, start=start)
        names.append(name)
        here, position = here + len(header), start + length
    need(here == size, f"{size - here} bytes of the central directory belong to no header")
    need(position == offset, f"the last content ends at byte {position}, the central directory begins at {offset}")
    check_names(names)
    return entries


# --- the package: manifest.json, layout.json, and members as extents, section 2 ---


def transpose(matrix, parameters, where):
    columns, element = parameters >> 8, parameters & 0xFF
    fits = element in (1, 2, 4, 8) and columns >= 2 and len(matrix) % (element * columns) == 0 and len(matrix) // element >= 2 * columns
    need(fits, f"{where}: {len(matrix)} bytes are no matrix of {columns} columns of {element} bytes")
    cells = matrix.cast({1: "B", 2: "H", 4: "I", 8: "Q"}[element])
    return b"".join(cells[c::columns].tobytes() for c in range(columns))


# ternary/1: a matrix is bytes of codes 0, 1 and 2, row by row; "real" is trit times scale
U2, T5R, T5K, REALS = 1, 2, 3, {16: ("I", 0x80000000), 17: ("H", 0x8000), 18: ("H", 0x8000)}
DIGITS = [bytes(b // 3**i % 3 if b < 243 else 255 for b in range(256)) for i in range(5)]
PAIRS = [bytes(b >> 2 * i & 3 if b >> 2 * i & 3 < 3 else 255 for b in range(256)) for i in range(4)]


def ternary_size(form, rows, columns):
    if form in REALS:
        return rows * columns * (4 if form == 16 else 2)
    return {U2: -(-rows * columns // 4), T5R: -(-rows // 5) * -(-columns // 64) * 64, T5K: rows * -(-columns // 5)}[form]


def ternary_codes(data, form, rows, columns, where):
    if form in REALS:
        kind, sign = REALS[form]
        return bytes(1 if not value & (sign - 1) else 0 if value & sign else 2 for value in data.cast(kind))
    data, out = bytes(data), bytearray(rows * columns)
    if form == U2:
        for i in range(4):
            out[i::4] = data.translate(PAIRS[i])[:len(out[i::4])]
    elif form == T5K:
        stride = -(-columns // 5)
        for n in range(rows):
            row = bytearray(stride * 5)
            for i in range(5):
                row[i::5] = data[n * stride:(n + 1) * stride].translate(DIGITS[i])
            out[n * columns:(n + 1) * columns] = row[:columns]
    else:
        stride = -(-columns // 64) * 64
        for n in range(rows):
            begin = n // 5 * stride
            out[n * columns:(n + 1) * columns] = data[begin:begin + columns].translate(DIGITS[n % 5])
    need(255 not in out, f"{where}: a byte of its ternary codes stands for no weights")
    return bytes(out)


def ternary_bytes(codes, form, rows, columns):
    if form == U2:
        codes += bytes(-len(codes) % 4)
        return bytes(a | b << 2 | c << 4 | d << 6 for a, b, c, d in zip(*(codes[i::4] for i in range(4))))
    step, along = (5, 1) if form == T5R else (1, 5)  # rows and columns in one byte
    width, out = -(-columns // (64 if form == T5R else 5)) * (64 if form == T5R else 5), bytearray()
    for n in range(0, rows, step):
        lines = [(codes[r * columns:(r + 1) * columns] if r < rows else b"").ljust(width, b"\1") for r in range(n, n + step)]
        digits = lines if along == 1 else [lines[0][i::5] for i in range(5)]
        out += bytes(a + 3 * b + 9 * c + 27 * d + 81 * e for a, b, c, d, e in zip(*digits))
    return bytes(out)


class Ternary:
    """One extent of ternary/1: `residual` is the map's, `used` how far it has come."""

    def __init__(self, descriptor, where):
        need(len(descriptor) == 40, f"{where}: its descriptor is not within the residual")
        self.rows, self.columns, self.source, self.form, order, self.scales, self.block, self.scale_source, zero, self.scale_offset = struct.unpack(
            "<QQBBBBIIIQ", descriptor)
        forms = self.source in (U2, T5R, T5K, *REALS) and self.form in (U2, T5R, T5K, *REALS)
        need(forms and order < 4 and zero == 0 and self.scales < 4, f"{where}: its descriptor is not known here")
        self.turned, self.scales_turned = bool(order & 1), bool(order & 2)
        limits = 0 < self.columns <= 1 << 22 and 0 < self.rows <= (1 << 40) // self.columns and (not self.turned or self.rows <= 1 << 22)
        need(limits, f"{where}: a ternary matrix of {self.rows} rows and {self.columns} columns")
        real = self.form in REALS
        block = self.scales == 3 and self.block in (16, 32, 64, 128, 256, 512, 1024) or self.scales != 3 and self.block == 0
        places = real or (self.scale_source == 0 and self.scale_offset == 0)
        need(bool(self.scales) == real and block and places and (self.scales > 1 or not self.scales_turned) and (real or self.source != self.form or self.turned),
             f"{where}: its forms and scales do not go together")
        shape = (self.columns, self.rows) if self.turned else (self.rows, self.columns)
        self.source_shape, self.source_size = shape, ternary_size(self.source, *shape)
        self.size = ternary_size(self.form, self.rows, self.columns)
        rows, columns = (self.columns, self.rows) if self.scales_turned else (self.rows, self.columns)
        self.blocks = -(-columns // self.block) if self.block else 1
        self.scales_size = (0, 1, rows, rows * self.blocks)[self.scales] * (4 if self.form == 16 else 2)

    def decode(self, source, scales, where):
        codes = ternary_codes(source, self.source, *self.source_shape, where)
        if self.turned:
            codes = b"".join(codes[r::self.rows] for r in range(self.rows))
        if self.form not in REALS:
            return ternary_bytes(codes, self.form, self.rows, self.columns)
        kind, sign = REALS[self.form]
        scales, out = scales.cast(kind), []
        for r in range(self.rows):
            for c, code in enumerate(codes[r * self.columns:(r + 1) * self.columns]):
                n, k = (c, r) if self.scales_turned else (r, c)
                scale = scales[0 if self.scales == 1 else n * self.blocks + (k // self.block if self.block else 0)]
                out.append((scale ^ sign, 0, scale)[code])
        return struct.pack(f"<{len(out)}{kind}", *out)


def differing(a, b):
    return ", ".join(sorted(a ^ b)[:3])


class Package:
    def __init__(self, path):
        with open(path, "rb") as file:
            empty = os.fstat(file.fileno()).st_size == 0  # which mmap refuses
            self.data = memoryview(b"" if empty else mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        self.entries = read_directory(self.data)
        need(list(self.entries)[-2:] == INDEX, f"no package: its last two entries are not {' and '.join(INDEX)}")
        self.id = hashlib.sha256(self.entry("manifest.json")).hexdigest()
        manifest, layout = self.index("manifest"), self.index("layout")
        known, self.members = {m["name"]: m for m in manifest}, {}
        for held in layout:  # what the manifest does not know comes with its own size and digest
            name, storage, sources = held["name"], held["storage"], held.get("sources", [])
            about = known.get(name, held)
            need(storage in ("stored", "extents", "absent"), f"layout.json: {name}: storage {storage!r} is not known here", UNSUPPORTED)
            need(about is not held or (name.startswith(EXTRA) and storage != "extents"), f"layout.json: {name}: is not in the manifest")
            right = (not sources or storage == "extents") and len(set(sources)) == len(sources) and "extents/" + name not in sources
            need(right, f"layout.json: {name}: the sources {sources} do not go with storage {storage!r}")
            self.members[name] = Record(name=name, storage=storage, sources=sources, size=about["size"], sha256=about["sha256"],
                                        chunks=about.get("chunk_digests"))
        need(len(known) == len(manifest) and len(self.members) == len(layout), "manifest.json or layout.json: lists a member twice")
        need(known.keys() <= self.members.keys(), f"layout.json: does not list all of {differing(known.keys(), known.keys() & self.members.keys())}")
        check_names([*self.members, *INDEX])
        stored, mapped = ({name for name, m in self.members.items() if m.storage == how} for how in ("stored", "extents"))
        held = self.entries.keys() - set(INDEX)
        need(stored == held, f"the container and layout.json do not hold the same: {differing(stored, held)}")
        used, maps = {"extents/" + name for name in mapped}, {name for name in self.members if name.startswith("extents/")}
        need(used == maps and maps <= stored, f"layout.json: members held as extents and maps do not fit: {differing(used, maps)}")
        for name in stored:
            size, expected = self.entries[name].size, self.members[name].size
            need(size == expected, f"{name}: has {size} bytes, expected {expected}")

    def index(self, which):
        """The members that manifest.json or layout.json lists."""
        def unique(pairs):
            need(len(dict(pairs)) == len(pairs), f"{which}.json: a key stands twice in one object")
            return dict(pairs)
        need(self.entries[f"{which}.json"].size <= 100 << 20, f"{which}.json: has more than 100 MiB")
        found = json.loads(bytes(self.entry(f"{which}.json")).decode(), object_pairs_hook=unique)
        form, version = found["format"], found["schema_version"]
        need(form == f"onnx-pack/{which}", f"{which}.json: its format is {form!r}")
        need(re.fullmatch(r"1\.\d+", version), f"{which}.json: schema version {version!r} is not known here, expected 1.x", UNSUPPORTED)
        return found.get("members", [])

    def entry(self, name):
        """The bytes of a container entry, once its local header and its CRC are right (1.7, steps 4 and 5)."""
        e = self.entries[name]
        same(self.data[e.at:e.start], local_header(name.encode(), e.crc, e.size, e.at), f"{name}: its local header")
        content = self.data[e.start:e.start + e.size]
        need(zlib.crc32(content) == e.crc, f"{name}: its CRC-32 is not the one in its header")
        return content

    def extents(self, member):
        """The bytes of each extent in turn (2.1)."""
        name = "extents/" + member.name
        whole = self.entry(name)
        need(len(whole) >= 16 and whole[:8] == b"extents1", f"{name}: is no extent map")
        end = 16 + 32 * int.from_bytes(whole[8:16], "little")
        need(end <= min(len(whole), 16 + (32 << 20)), f"{name}: its records do not fit")
        for source in member.sources:
            stored = source in self.members and self.members[source].storage == "stored"
            need(stored, f"layout.json: {member.name}: its source {source!r} is not stored in this file")
        sources, used = [whole[end:]] + [self.entry(source) for source in member.sources], 0
        for number, record in enumerate(struct.iter_unpack("<QQQII", whole[16:end])):
            size, offset, parameters, source, transformation = record
            where = f"{name}: extent {number}"
            need(transformation in (0, 1, 2), f"{where}: transformation {transformation} is not known here", UNSUPPORTED)
            if transformation == 2:
                need(parameters == used, f"{where}: does not take the residual in order")
                found, used = self.ternary(record, sources, where)
                yield found
                continue
            need(size > 0 and source < len(sources), f"{where}: {size} bytes of source {source} of {len(sources) - 1}")
            need(offset + size <= len(sources[source]), f"{where}: ends beyond its source")
            need(source or (offset == used and transformation == 0), f"{where}: does not take the residual in order")
            need(transformation or parameters == 0, f"{where}: copy/1 has no parameters, found {parameters}")
            used += 0 if source else size
            found = sources[source][offset:offset + size]
            yield found if transformation == 0 else transpose(found, parameters, where)
        need(used == len(sources[0]), f"{name}: its residual has {len(sources[0])} bytes, the extents use {used}")

    @staticmethod
    def ternary(record, sources, where):
        """The bytes of an extent of ternary/1, and where the residual goes on."""
        size, offset, used, source, _ = record
        t = Ternary(sources[0][used:used + 40], where)
        need(size == t.size, f"{where}: {size} bytes of a ternary matrix of {t.size}")
        used, parts = used + 40, []
        for source, offset, length in (source, offset, t.source_size), (t.scale_source, t.scale_offset, t.scales_size):
            need(source < len(sources) and offset + length <= len(sources[source]), f"{where}: ends beyond its source")
            need(source or not length or offset == used, f"{where}: does not take the residual in order")
            used += 0 if source else length
            parts.append(sources[source][offset:offset + length])
        return t.decode(*parts, where), used

    def read(self, name, write=lambda piece: None):
        """Gives a member's bytes to `write`, piece by piece, and raises at the end if they are not the member's."""
        if name in INDEX:
            return write(self.entry(name))
        need(name in self.members, f"no member {name!r} in this package", NOT_FOUND)
        member = self.members[name]
        need(member.storage != "absent", f"{name}: is not in this file; the whole package with the id {self.id} has it", NOT_FOUND)
        whole, size, chunk, chunks = hashlib.sha256(), 0, hashlib.sha256(), b""
        for piece in map(memoryview, [self.entry(name)] if member.storage == "stored" else self.extents(member)):
            need(size + len(piece) <= member.size, f"{name}: gives more than its {member.size} bytes")
            while len(piece) > 0:
                part = piece[:CHUNK - size % CHUNK]
                for sink in (whole.update, chunk.update, write):
                    sink(part)
                size, piece = size + len(part), piece[len(part):]
                if size % CHUNK == 0 or size == member.size:
                    chunks, chunk = chunks + chunk.digest(), hashlib.sha256()
        need(size == member.size, f"{name}: has {size} bytes, expected {member.size}")
        need(whole.hexdigest() == member.sha256, f"{name}: its SHA-256 is {whole.hexdigest()}, expected {member.sha256}")
        if member.chunks and self.members[member.chunks].storage == "stored":
            need(self.entry(member.chunks) == chunks, f"{name}: its chunk digests are not those of {member.chunks}")


def write_members(package, paths):
    for name in paths:  # all of them first, so that nothing wrong is written
        package.read(name)
    for name, path in paths.items():
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        with open(path, "xb") as file:
            package.read(name, file.write)


def run(options):
    package = Package(options.package)
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


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].split("\n\n")[0])
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
        run(options)
        return 0
    except Refused as error:
        text, code = f"{options.package}: {error}", error.code
    except OSError as error:
        text, code = f"{error.filename}: {error.strerror}", {FileNotFoundError: NOT_FOUND, FileExistsError: USAGE}.get(type(error), IO)
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:  # of the index entries' JSON
        kind = type(error).__name__
        text, code = f"{options.package}: manifest.json or layout.json: not of the documented form ({kind}: {error})", UNTRUSTED
    print(f"error: {text}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
