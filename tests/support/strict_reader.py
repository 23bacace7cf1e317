#!/usr/bin/env python3
"""examples/read_package.py with all that docs/format.md lets a reader refuse: another form of the container than the canonical one, names
that are not safe everywhere, and maps and layouts with anything superfluous. The tests' second opinion about packages.

usage: strict_reader.py PACKAGE [--check | --member NAME -o FILE | --all -o FOLDER]
"""

import hashlib, pathlib, re, struct, sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "examples"))
import read_package  # noqa: E402: the one who knows what members are made of
from read_package import INDEX, T5K, T5R, U2, UNSUPPORTED, UNTRUSTED, REALS, Record, Refused, need

FULL, CHUNK = 0xFFFFFFFF, 4 << 20
EXTRA = ("evidence/", "signatures/", "extents/")
DEVICES = re.compile(r"(con|prn|aux|nul|com[1-9]|lpt[1-9])(\..*)?", re.I | re.S)
RANGES = [(0x41, 0x5A), (0xC0, 0xD6), (0xD8, 0xDE), (0x391, 0x3A1), (0x3A3, 0x3A9), (0x410, 0x42F)]
LOWER = {c: c + 32 for first, last in RANGES for c in range(first, last + 1)} | {c: c + 80 for c in range(0x400, 0x410)}
LOWER |= {c: c + 1 for c in [*range(0x100, 0x137, 2), *range(0x139, 0x148, 2), *range(0x14A, 0x177, 2)] if c != 0x130}


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
        raise Refused(f"{what} is not in canonical form from its byte {at} on: found {found}, expected {expected}", UNTRUSTED)


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


# --- maps, section 2: all that is wrong with one, before anything is made of it ---


def check_transposed(size, parameters, where):
    columns, element = parameters >> 8, parameters & 0xFF
    fits = element in (1, 2, 4, 8) and columns >= 2 and size % (element * columns) == 0 and size // element >= 2 * columns
    need(fits, f"{where}: {size} bytes are no matrix of {columns} columns of {element} bytes")


def ternary_size(form, rows, columns):
    if form in REALS:
        return rows * columns * (4 if form == 16 else 2)
    return {U2: -(-rows * columns // 4), T5R: -(-rows // 5) * -(-columns // 64) * 64, T5K: rows * -(-columns // 5)}[form]


def check_ternary(record, sources, where):
    """Where the residual goes on."""
    size, offset, used, source, _ = record
    descriptor = sources[0][used:used + 40]
    need(len(descriptor) == 40, f"{where}: its descriptor is not within the residual")
    rows, columns, source_form, form, order, scales, block, scale_source, zero, scale_offset = struct.unpack("<QQBBBBIIIQ", descriptor)
    forms = source_form in (U2, T5R, T5K, *REALS) and form in (U2, T5R, T5K, *REALS)
    need(forms and order < 4 and zero == 0 and scales < 4, f"{where}: its descriptor is not known here")
    turned, scales_turned = bool(order & 1), bool(order & 2)
    limits = 0 < columns <= 1 << 22 and 0 < rows <= (1 << 40) // columns and (not turned or rows <= 1 << 22)
    need(limits, f"{where}: a ternary matrix of {rows} rows and {columns} columns")
    real = form in REALS
    blocks = scales == 3 and block in (16, 32, 64, 128, 256, 512, 1024) or scales != 3 and block == 0
    places = real or (scale_source == 0 and scale_offset == 0)
    fits = bool(scales) == real and blocks and places and (scales > 1 or not scales_turned) and (real or source_form != form or turned)
    need(fits, f"{where}: its forms and scales do not go together")
    whole = ternary_size(form, rows, columns)
    need(size == whole, f"{where}: {size} bytes of a ternary matrix of {whole}")
    source_size = ternary_size(source_form, *((columns, rows) if turned else (rows, columns)))
    lines, width = (columns, rows) if scales_turned else (rows, columns)
    scales_size = (0, 1, lines, lines * (-(-width // block) if block else 1))[scales] * (4 if form == 16 else 2)
    used += 40
    for place, begin, length in (source, offset, source_size), (scale_source, scale_offset, scales_size):
        need(place < len(sources) and begin + length <= len(sources[place]), f"{where}: ends beyond its source")
        need(place or not length or begin == used, f"{where}: does not take the residual in order")
        used += 0 if place else length
    return used


def differing(a, b):
    return ", ".join(sorted(a ^ b)[:3])


class Package(read_package.Package):
    def __init__(self, path):
        self.lists = {}
        super().__init__(path)
        self.check_layout()

    def directory(self, path):
        entries = read_directory(self.data)
        need(list(entries)[-2:] == INDEX, f"no package: its last two entries are not {' and '.join(INDEX)}")
        return entries

    def entry(self, name):
        """Once its local header is right (1.7, step 4)."""
        e = self.entries[name]
        same(self.data[e.at:e.start], local_header(name.encode(), e.crc, e.size, e.at), f"{name}: its local header")
        return super().entry(name)

    def index(self, which):
        def unique(pairs):
            need(len(dict(pairs)) == len(pairs), f"{which}.json: a key stands twice in one object")
            return dict(pairs)

        need(self.entries[f"{which}.json"].size <= 100 << 20, f"{which}.json: has more than 100 MiB")
        self.lists[which] = super().index(which, object_pairs_hook=unique)
        return self.lists[which]

    def member(self, held):
        storage = held["storage"]
        need(storage in ("stored", "extents", "absent"), f"layout.json: {held['name']}: storage {storage!r} is not known here", UNSUPPORTED)
        name, sources = held["name"], held.get("sources", [])
        extra = name.startswith(EXTRA) and storage != "extents"
        need(name in self.known or extra, f"layout.json: {name}: is not in the manifest")
        right = (not sources or storage == "extents") and len(set(sources)) == len(sources) and "extents/" + name not in sources
        need(right, f"layout.json: {name}: the sources {sources} do not go with storage {storage!r}")
        return super().member(held)

    def check_layout(self):
        once = len(self.known) == len(self.lists["manifest"]) and len(self.members) == len(self.lists["layout"])
        need(once, "manifest.json or layout.json: lists a member twice")
        unlisted = self.known.keys() - self.members.keys()
        need(not unlisted, f"layout.json: does not list all of {differing(unlisted, set())}")
        check_names([*self.members, *INDEX])
        stored, mapped = ({name for name, m in self.members.items() if m.storage == how} for how in ("stored", "extents"))
        held = self.entries.keys() - set(INDEX)
        need(stored == held, f"the container and layout.json do not hold the same: {differing(stored, held)}")
        used, maps = {"extents/" + name for name in mapped}, {name for name in self.members if name.startswith("extents/")}
        need(used == maps and maps <= stored, f"layout.json: members held as extents and maps do not fit: {differing(used, maps)}")
        for name in stored:
            size, expected = self.entries[name].size, self.members[name].size
            need(size == expected, f"{name}: has {size} bytes, expected {expected}")

    def extents(self, member):
        self.check_map(member)
        return super().extents(member)

    def check_map(self, member):
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
                used = check_ternary(record, sources, where)
                continue
            need(size > 0 and source < len(sources), f"{where}: {size} bytes of source {source} of {len(sources) - 1}")
            need(offset + size <= len(sources[source]), f"{where}: ends beyond its source")
            need(source or (offset == used and transformation == 0), f"{where}: does not take the residual in order")
            need(transformation or parameters == 0, f"{where}: copy/1 has no parameters, found {parameters}")
            if transformation == 1:
                check_transposed(size, parameters, where)
            used += 0 if source else size
        need(used == len(sources[0]), f"{name}: its residual has {len(sources[0])} bytes, the extents use {used}")

    def read(self, name, write=lambda piece: None):
        """With the digests of its pieces (1.8)."""
        listed = self.known.get(name, {}).get("chunk_digests")
        if listed is None or self.members[listed].storage != "stored":
            return super().read(name, write)
        digests, chunk, size = b"", hashlib.sha256(), 0

        def both(piece):
            nonlocal digests, chunk, size
            write(piece)
            piece = memoryview(piece)
            while len(piece) > 0:
                part = piece[:CHUNK - size % CHUNK]
                chunk.update(part)
                size, piece = size + len(part), piece[len(part):]
                if size % CHUNK == 0 or size == self.members[name].size:
                    digests, chunk = digests + chunk.digest(), hashlib.sha256()

        super().read(name, both)
        need(self.entry(listed) == digests, f"{name}: its chunk digests are not those of {listed}")


if __name__ == "__main__":
    sys.exit(read_package.main(Package, __doc__))
