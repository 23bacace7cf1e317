"""describe and the door: answers without IREE, and says what is wrong with a request."""

import json
import shutil
import subprocess
import sys
import unittest
from unittest import mock

import support
from onnxpack_iree import describe, installation
from support import MODULES, Work


class Describe(unittest.TestCase):
    def test_says_what_it_is_and_needs(self) -> None:
        code, answer = Work(self).call("describe", {})
        self.assertEqual(code, 0)
        self.assertEqual((answer["status"], answer["name"], answer["ep"]), ("ok", "iree", "onnxpack.iree"))
        compiles = answer["available"] and answer.get("compiles", True)
        self.assertEqual(compiles, support.has("iree.compiler", "iree.runtime", "onnx", "numpy"))
        self.assertTrue(all(option["schema"]["type"] and "default" in option["schema"] for option in answer["options"]))

    def test_without_iree_it_says_how_to_get_it(self) -> None:
        # -S: no packages at all, as on a machine that has only Python.
        work = Work(self)
        (work.folder / "describe.json").write_text('{"protocol": "1.0", "verb": "describe"}')
        subprocess.run(
            [sys.executable, "-I", "-S", "-B", str(MODULES), "describe", "describe.json", "answer.json"],
            cwd=work.folder,
            check=True,
        )
        answer = json.loads((work.folder / "answer.json").read_text())
        self.assertFalse(answer["available"])
        self.assertIn("has no iree-base-compiler, iree-base-runtime, onnx, numpy", answer["reason"])
        self.assertIn("cmake/setup.sh --backend iree", answer["hint"])
        self.assertEqual([need["found"] for need in answer["needs"]], [False] * 4)

    def test_a_runtime_alone_runs_and_does_not_compile(self) -> None:
        versions = {"iree-base-runtime": "3.13.0", "numpy": "2.3.0"}
        with mock.patch.object(installation, "find", return_value=installation.Installation(versions)):
            answer = describe.describe()
        self.assertEqual((answer["available"], answer["compiles"]), (True, False))
        self.assertIn("has no iree-base-compiler, onnx", answer["reason"])
        self.assertIn("cmake/setup.sh --backend iree", answer["hint"])
        del versions["numpy"]
        with mock.patch.object(installation, "find", return_value=installation.Installation(versions)):
            self.assertFalse(describe.describe()["available"])

    def test_imports_nothing_of_iree(self) -> None:
        work = Work(self)
        (work.folder / "describe.json").write_text('{"protocol": "1.0", "verb": "describe"}')
        done = subprocess.run(
            [sys.executable, "-I", "-B", "-X", "importtime", str(MODULES), "describe", "describe.json", "answer.json"],
            cwd=work.folder,
            capture_output=True,
            text=True,
            check=True,
        )
        loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
        self.assertIn("onnxpack_iree.describe", loaded)
        self.assertFalse(loaded & {"onnx", "numpy", "iree.compiler", "iree.runtime"})

    def test_own_code_is_part_of_the_versions(self) -> None:
        work = Work(self)
        _, before = work.call("describe", {})
        copy = work.folder / "modules"
        shutil.copytree(MODULES, copy)
        with open(copy / "onnxpack_iree/targets.py", "a", encoding="utf-8") as file:
            file.write("# changed\n")
        subprocess.run(
            [sys.executable, "-I", "-B", str(copy), "describe", "describe.json", "after.json"], cwd=work.folder, check=True
        )
        after = json.loads((work.folder / "after.json").read_text())
        self.assertNotEqual(before["versions"]["backend"], after["versions"]["backend"])


class Door(unittest.TestCase):
    def door(self, *arguments: str, request: str = "{}") -> tuple[int, str]:
        work = Work(self)
        (work.folder / "request.json").write_text(request)
        done = subprocess.run(
            [sys.executable, "-I", "-B", str(MODULES), *arguments], cwd=work.folder, capture_output=True, text=True
        )
        return done.returncode, done.stderr

    def test_wrong_command_line(self) -> None:
        for arguments in ([], ["describe"], ["fly", "request.json", "answer.json"]):
            code, text = self.door(*arguments)
            self.assertEqual(code, 2)
            self.assertIn("usage: onnx-pack-backend-iree describe|plan|compile|run|probe", text)

    def test_unreadable_requests(self) -> None:
        cases = {
            "[]": "expected an object",
            "{": "request.json:",
            '{"protocol": "2.0", "verb": "describe"}': "the request speaks protocol 2.0, this backend speaks 1.0",
            '{"protocol": "1.0", "verb": "run"}': "verb: expected describe, found run",
        }
        for request, expected in cases.items():
            code, text = self.door("describe", "request.json", "answer.json", request=request)
            self.assertEqual(code, 3, request)
            self.assertIn(expected, text)

    def test_answer_that_cannot_be_written(self) -> None:
        code, text = self.door(
            "describe", "request.json", "no/such/answer.json", request='{"protocol": "1.0", "verb": "describe"}'
        )
        self.assertEqual(code, 4)
        self.assertIn("no/such/answer.json", text)


if __name__ == "__main__":
    unittest.main()
