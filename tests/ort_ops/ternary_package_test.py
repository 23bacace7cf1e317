"""Ternary variants of one package: `build --ternarize` makes them, the package stores their weights once, and what comes out of it (select, extract) gives
the same tokens in each form; `verify` looks at the weights themselves."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

from harness import LIBRARY, PROGRAM, ROOT

EXAMPLES = ROOT / "examples/ternary"
BACKEND = PROGRAM.parent.parent / "libexec/onnx-pack/onnx-pack-backend-onnxruntime"
TARGET, STEM = "x86-64-v2", "x86-64-v2-onnxruntime"


def setUpModule():
    if not PROGRAM.is_file() or not BACKEND.is_file():
        raise unittest.SkipTest("onnx-pack or its backend for ONNX Runtime is not built")


class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)
        cls.model = cls.folder / "decoder.onnx"
        subprocess.run([sys.executable, EXAMPLES / "make_decoder.py", cls.model, "--layers", "2", "--hidden", "320", "--heads", "5", "--kv-heads", "1",
                        "--ffn", "864", "--vocab", "99", "--scales", "row"], check=True, capture_output=True)
        cls.trits = 2 * (2 * 320 * 320 + 2 * 64 * 320 + 3 * 864 * 320)
        tried = cls.run_program("build", cls.model, "-t", TARGET, "--backend", "onnxruntime", f"--ternarize={TARGET}", "--dry-run", "-o", "no", "-q",
                                "--allow-missing", TARGET)
        if "which it does not take" in tried:
            raise unittest.SkipTest("the backend for ONNX Runtime takes no operators of org.onnxpack")
        cls.package = cls.build("all", "t5r", "u2", "portable", "standard")
        cls.compact = cls.build("compact", "t5r", "u2", "portable", "standard", flags=["--compact"])

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    @classmethod
    def run_program(cls, *arguments, code=0) -> str:
        environment = os.environ | {"XDG_CACHE_HOME": str(cls.folder / "cache"), "ONNXPACK_OPS_LIBRARY": str(LIBRARY)}
        done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, env=environment, cwd=cls.folder)
        if done.returncode != code:
            raise AssertionError(f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    @classmethod
    def build(cls, name: str, *kinds: str, flags=()) -> pathlib.Path:
        path = cls.folder / f"{name}.onnxpkg"
        wanted = [f"--ternarize={TARGET}={kind}" for kind in kinds]
        cls.run_program("build", cls.model, "-t", TARGET, "--backend", "onnxruntime", *wanted, *flags, "-o", path, "-q")
        return path

    def inspect(self, package: pathlib.Path) -> dict:
        return json.loads(self.run_program("inspect", package, "--json"))

    def extracted(self, package: pathlib.Path, kind: str) -> pathlib.Path:
        """A variant as ONNX Runtime loads it: graph and weights as its package has them."""
        out = self.folder / f"{package.stem}-{kind}"
        self.run_program("extract", package, "--variant", f"{STEM}-{kind}", "-o", out, "-q")
        return out / "graph.onnx"

    def slim(self, package: pathlib.Path, kind: str, *flags: str) -> pathlib.Path:
        out = self.folder / f"slim-{package.stem}-{kind}.onnxpkg"
        self.run_program("select", package, "-t", "host", "--variant", f"{STEM}-{kind}", *flags, "-o", out, "--force", "-q")
        return out

    def test_the_same_tokens_from_every_form_out_of_one_package(self):
        graphs = []
        for package in (self.package, self.compact):
            for kind in ("t5r", "u2", "portable"):
                graphs.append(self.extracted(package, kind))
                graphs.append(self.extracted(self.slim(package, kind, "--no-fallback"), kind))
        done = subprocess.run([sys.executable, EXAMPLES / "decode.py", "--ops", LIBRARY, "--tokens", "8", *graphs], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("all gave the same tokens", done.stdout)

    def test_weights_are_stored_once(self):
        few = {kind: self.build(f"only-{kind}", kind, flags=["--compact"]) for kind in ("t5r",)}
        base = few["t5r"].stat().st_size
        dense = 4 * 99 * 320 * 2  # embedding and head
        codes = base - dense
        # Rows are padded to 64 bytes, which at these sizes costs something; graphs and maps are most of the rest.
        self.assertLess(codes - 64 * 1024, self.trits * 1.75 / 8)
        # Each further form costs its graph and some 120 bytes for each matrix, whatever the weights' size.
        self.assertLess(self.compact.stat().st_size - base, 3 * 64 * 1024)
        self.assertLess(self.package.stat().st_size - self.model.with_suffix(".data").stat().st_size, 4 * 64 * 1024)
        self.assertTrue(self.inspect(self.package)["components"][0]["stands_as_files"])
        self.assertFalse(self.inspect(self.compact)["components"][0]["stands_as_files"])
        self.assertEqual(self.inspect(self.package)["id"], self.inspect(self.compact)["id"])

    def test_the_original_comes_back(self):
        self.run_program("extract", self.compact, "--original", "-o", self.folder / "original", "-q")
        for name in ("decoder.onnx", "decoder.data"):
            self.assertEqual((self.folder / "original" / name).read_bytes(), (self.folder / name).read_bytes())

    def test_what_variants_need_and_promise(self):
        variants = {v["name"].removeprefix(STEM + "-"): v for v in self.inspect(self.package)["variants"]}
        self.assertEqual(set(variants), {"t5r", "u2", "portable", "standard"})  # and none of the plain model
        for kind, variant in variants.items():
            needs = {r["feature"] for r in variant["requirements"]}
            self.assertEqual("runtime.onnxpack_ops" in needs, kind in ("t5r", "u2"), kind)
            self.assertEqual(variant["precision"], "int8", kind)
            step = variant["provenance"]["source"]["transformations"][0]
            self.assertEqual(step["name"], "ternarize/1")

    def test_verify_looks_at_the_weights(self):
        for package in (self.package, self.compact):
            report = json.loads(self.run_program("verify", package, "--json"))
            weights = {c["name"]: c for c in report["integrity"] if c["name"].startswith("weights of ")}
            self.assertEqual(len(weights), 4)
            for check in weights.values():
                self.assertEqual(check["status"], "passed")
                self.assertIn("14 ternary, each decoded and equal bit for bit; its blobs hold them", check["detail"])
            self.assertEqual({v["status"] for v in report["variants"]}, {"passed"})

    def test_verify_fails_for_one_wrong_weight_and_another_source(self):
        kind, name = "u2", f"{STEM}-u2"
        self.run_program("extract", self.package, "--variant", name, "-o", self.folder / "sabotage", "-q")
        import zipfile
        with zipfile.ZipFile(self.package) as package:
            manifest = json.loads(package.read("manifest.json"))
        variant = next(v for v in manifest["variants"] if v["name"] == name)
        folder = self.folder / "sabotage/variants" / name
        (self.folder / "sabotage/graph.onnx").rename(folder / "graph.onnx")
        weights = bytearray((folder / "weights.bin").read_bytes())
        # The last bytes are codes: one weight becomes another.
        weights[-100] = weights[-100] & ~3 | {0: 1, 1: 2, 2: 0}[weights[-100] & 3]
        good = (folder / "weights.bin").read_bytes()
        self.run_program("remove", self.package, name, "-o", self.folder / "without.onnxpkg", "-q")

        def verified(what: str) -> dict:
            (self.folder / "sabotage/variant.json").write_text(json.dumps(variant))
            out = self.folder / f"{what}.onnxpkg"
            self.run_program("add", self.folder / "without.onnxpkg", "--variant", self.folder / "sabotage/variant.json", "-o", out, "-q")
            report = json.loads(self.run_program("verify", out, "--json", code=5))
            return next(c for c in report["integrity"] if c["name"] == f"weights of {name}")

        (folder / "weights.bin").write_bytes(weights)
        check = verified("flipped")
        self.assertEqual((check["status"], check["detail"]), ("failed", "of 14 ternary weights its blobs hold 13"))
        (folder / "weights.bin").write_bytes(good)
        variant["provenance"]["source"]["sha256"] = "0" * 64
        check = verified("forged")
        self.assertEqual((check["status"], check["detail"]), ("failed", "ternarize/1 makes another model of the original than the variant was made of"))


if __name__ == "__main__":
    unittest.main()
