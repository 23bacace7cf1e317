#!/usr/bin/env python3
"""Makes the damaged packages in damaged/: sound archives whose manifest, layout and members contradict each other, one per rule.

    make_damaged.py            writes damaged/*.onnxpkg, removes others
    make_damaged.py --check    exits 1 and names each file that differs from what would be written

They are made of golden/ with the second writer of the container, ../archive/make_damaged.py. What is said to each stands in
expected.tsv.
"""
import hashlib
import importlib.util
import json
import pathlib
import struct
import sys
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
spec = importlib.util.spec_from_file_location("zip_form", HERE.parent / "archive/make_damaged.py")
zip_form = importlib.util.module_from_spec(spec)
spec.loader.exec_module(zip_form)


class Package:
    """Members in order, with the two indexes as objects."""

    def __init__(self, name):
        with zipfile.ZipFile(next((HERE / "golden").glob(f"*/{name}.onnxpkg"))) as archive:
            self.members = {info.filename: archive.read(info) for info in archive.infolist()}
        self.layout = json.loads(self.members.pop("layout.json"))
        self.manifest = json.loads(self.members.pop("manifest.json"))

    def listed(self, member):
        return next(item for item in self.manifest["members"] if item["name"] == member)

    def placed(self, member):
        return next(item for item in self.layout["members"] if item["name"] == member)

    def emit(self, order=("layout.json", "manifest.json")):
        text = {name: (json.dumps(value, indent=2, sort_keys=True) + "\n").encode()
                for name, value in (("layout.json", self.layout), ("manifest.json", self.manifest))}
        members = list(self.members.items()) + [(name, text[name]) for name in order]
        return zip_form.archive([zip_form.Member(name, data) for name, data in members])


MODEL, BLOB = "components/model/model.onnx", "variants/x86-64-v3-good/model.bin"
MAP = "extents/variants/x86-64-v3-keeps-weights/model.bin"


def changed(name, change):
    package = Package(name)
    change(package)
    return package.emit()


def remap(package, header=b"extents1", count=None, edit=None, residual=None):
    """Changes a map and what the layout says of it."""
    data = package.members[MAP]
    number, = struct.unpack_from("<Q", data, 8)
    records = [list(struct.unpack_from("<QQQII", data, 16 + 32 * i)) for i in range(number)]
    rest = data[16 + 32 * number:] if residual is None else residual
    if edit:
        edit(records)
    data = header + struct.pack("<Q", number if count is None else count) + b"".join(
        struct.pack("<QQQII", *record) for record in records) + rest
    package.members[MAP] = data
    package.placed(MAP).update(size=len(data), sha256=hashlib.sha256(data).hexdigest())


CODES = "variants/x86-64-v3-ternary/model.bin"
DATA = "extents/components/model/ternary.bin"
FIELDS = "rows columns source form order scales block scale_source zero scale_offset".split()


def ternary(name, residual=lambda rest: rest, record=(), **fields):
    """Changes the descriptor of the first extent of the model's data, which is made of codes and of scales behind the descriptor."""
    def change(package):
        data = package.members[DATA]
        number, = struct.unpack_from("<Q", data, 8)
        begin = 16 + 32 * number
        records = [list(struct.unpack_from("<QQQII", data, 16 + 32 * i)) for i in range(number)]
        values = dict(zip(FIELDS, struct.unpack_from("<QQBBBBIIIQ", data, begin)))
        assert records[0][2] == 0 and records[0][4] == 2 and values["form"] == 16
        values.update(fields)
        for field, value in record:
            records[0][field] = value
        rest = struct.pack("<QQBBBBIIIQ", *values.values()) + data[begin + 40:]
        data = data[:16] + b"".join(struct.pack("<QQQII", *one) for one in records) + residual(rest)
        package.members[DATA] = data
        package.placed(DATA).update(size=len(data), sha256=hashlib.sha256(data).hexdigest())
    return "ternary-" + name, changed("ternary-compact", change)


def invalid_code(package):
    """In codes that the model's data is made of; the blob's own digest is made right."""
    data = bytearray(package.members[CODES])
    data[100] = 243
    package.members[CODES] = bytes(data)
    package.listed(CODES).update(sha256=hashlib.sha256(data).hexdigest())


def of_source(records):
    """The first record that copies from a source."""
    return next(record for record in records if record[3] != 0)


def maps(name, **changes):
    return name, changed("extents", lambda package: remap(package, **changes))


def edits(name, edit):
    return maps(name, edit=edit)


def samples():
    yield "index-order", Package("plain").emit(("manifest.json", "layout.json"))
    yield "layout-missing", Package("plain").emit(("manifest.json",))
    yield "manifest-missing", Package("plain").emit(("layout.json",))
    yield "member-unlisted", changed("plain", lambda p: p.members.update({"attachments/extra": b"extra"}))
    yield "member-unlisted-annex", changed("plain", lambda p: p.members.update({"evidence/extra.json": b"{}"}))
    yield "member-missing", changed("variants", lambda p: p.members.pop(BLOB))
    yield "member-not-placed", changed("variants", lambda p: p.layout["members"].remove(p.placed(BLOB)))
    yield "member-not-described", changed("variants", lambda p: p.manifest["members"].remove(p.listed("attachments/labels.txt")))
    yield "member-absent-but-there", changed("variants", lambda p: p.placed(BLOB).update(storage="absent"))
    yield "member-size", changed("variants", lambda p: p.listed(BLOB).update(size=5))
    yield "member-digest", changed("variants", lambda p: p.members.update({BLOB: b"BLOB"}))
    yield "member-digest-in-manifest", changed("variants", lambda p: p.listed(BLOB).update(sha256="0" * 64))
    yield "original-digest", changed("plain", lambda p: p.manifest["components"][0]["original"].update(sha256="0" * 64))
    yield "original-size", changed("plain", lambda p: p.manifest["components"][0]["original"].update(size=1))
    yield "original-transformation", changed(
        "plain", lambda p: p.manifest["components"][0]["original"].update(transformation="strip-annotations/9"))
    yield "scope-digest", changed(
        "plain", lambda p: p.manifest["components"][0]["scopes"][0].update(digest="scope-digest/1:" + "0" * 32))
    yield "compatibility-hash", changed("variants", lambda p: p.manifest["variants"][0].update(
        compatibility_string="x=1", compatibility_hash="0" * 64))
    yield "version-major", changed("plain", lambda p: p.manifest.update(schema_version="2.0"))
    yield "version-major-layout", changed("plain", lambda p: p.layout.update(schema_version="2.0"))
    yield "blob-unknown", changed(
        "variants", lambda p: p.manifest["variants"][0]["partitions"][0]["blobs"][0].update(member="variants/x86-64-v3-good/no.bin"))
    # Extents.
    yield "extents-map-missing", changed("extents", lambda p: p.members.pop(MAP))
    yield "extents-map-unlisted", changed("extents", lambda p: p.layout["members"].remove(p.placed(MAP)))
    yield "extents-map-digest", changed("extents", lambda p: p.placed(MAP).update(sha256="0" * 64))
    yield "extents-map-size", changed("extents", lambda p: p.placed(MAP).update(size=1))
    yield maps("extents-header", header=b"extents2")
    yield maps("extents-count", count=7)
    yield maps("extents-count-huge", count=1 << 61)
    yield maps("extents-residual-longer", residual=bytes(500))
    yield maps("extents-residual-shorter", residual=b"")
    yield edits("extents-source", lambda r: of_source(r).__setitem__(3, 9))
    yield edits("extents-range", lambda r: of_source(r).__setitem__(1, 1 << 40))
    yield edits("extents-range-overflow", lambda r: of_source(r).__setitem__(1, (1 << 64) - 1))
    yield edits("extents-sizes-overflow", lambda r: of_source(r).__setitem__(0, (1 << 64) - 1))
    yield edits("extents-size-zero", lambda r: of_source(r).__setitem__(0, 0))
    yield edits("extents-sizes", lambda r: of_source(r).__setitem__(0, of_source(r)[0] - 1))
    yield edits("extents-transformation", lambda r: of_source(r).__setitem__(4, 77))
    yield edits("extents-parameters", lambda r: of_source(r).__setitem__(2, 5))
    yield edits("extents-offset", lambda r: of_source(r).__setitem__(1, of_source(r)[1] + 1))
    yield "extents-of-a-map", changed("extents", lambda p: p.placed("variants/x86-64-v4-keeps-weights/model.bin").update(
        sources=["variants/x86-64-v3-keeps-weights/model.bin"]))
    yield "extents-no-such-source", changed("extents", lambda p: p.placed("variants/x86-64-v3-keeps-weights/model.bin").update(
        sources=["components/model/none"]))
    # ternary/1.
    yield ternary("form", source=4)
    yield ternary("form-of-member", form=19)
    yield ternary("copy", source=2, form=2, order=0, scales=0)
    yield ternary("bits", order=4)
    yield ternary("zero", zero=1)
    yield ternary("rows", rows=0)
    yield ternary("columns", columns=(1 << 22) + 1)
    yield ternary("product-overflow", rows=1 << 61)
    yield ternary("size", rows=47)
    yield ternary("scales", scales=4)
    yield ternary("scales-none", scales=0)
    yield ternary("scales-of-codes", form=1)
    yield ternary("block", scales=3, block=24)
    yield ternary("block-of-rows", block=64)
    yield ternary("scales-turned", scales=1, order=3)
    yield ternary("scale-source", scale_source=3)
    yield ternary("scale-range", scale_source=1, scale_offset=(1 << 64) - 100)
    yield ternary("scale-place", scale_offset=44)
    yield ternary("source", record=[(3, 7)])
    yield ternary("range", record=[(1, 1 << 40)])
    yield ternary("codes-place", record=[(3, 0)])
    yield ternary("descriptor-place", record=[(2, 1)])
    yield ternary("descriptor-beyond", record=[(2, 1 << 63)])
    yield ternary("residual-longer", residual=lambda rest: rest + bytes(3))
    yield ternary("residual-shorter", residual=lambda rest: rest[:-3])
    yield ternary("residual-empty", residual=lambda rest: b"")
    yield "ternary-invalid-code", changed("ternary-compact", invalid_code)


def main():
    folder = HERE / "damaged"
    made = {f"{name}.onnxpkg": data for name, data in samples()}
    if "--check" not in sys.argv:
        folder.mkdir(exist_ok=True)
        for path in folder.iterdir():
            path.unlink()
        for name, data in made.items():
            (folder / name).write_bytes(data)
        return 0
    there = {path.name: path.read_bytes() for path in folder.iterdir()}
    wrong = sorted(name for name in made.keys() | there.keys() if made.get(name) != there.get(name))
    for name in wrong:
        print(f"{name}: differs from what make_damaged.py makes")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
