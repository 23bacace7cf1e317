"""The library as a library: what it shows, what it depends on, what it says when it is not loaded well."""

import os
import shutil
import subprocess
import sys
import unittest

from harness import LIBRARY
import onnxruntime as ort


def output_of(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@unittest.skipUnless(shutil.which("nm") and shutil.which("readelf"), "no nm or readelf (binutils)")
class Border(unittest.TestCase):
    def test_shows_one_name(self):
        names = [line.split()[-1] for line in output_of("nm", "-D", "--defined-only", LIBRARY).splitlines()]
        self.assertEqual(names, ["RegisterCustomOps"])

    def test_depends_on_libc_only(self):
        needed = [line.split("[")[1].rstrip("]") for line in output_of("readelf", "-d", LIBRARY).splitlines() if "(NEEDED)" in line]
        self.assertLessEqual(set(needed), {"libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"})


class Loading(unittest.TestCase):
    def test_loads_twice_in_a_process_that_has_onnx(self):
        for _ in range(2):
            ort.SessionOptions().register_custom_ops_library(LIBRARY)

    def test_a_mistyped_variable_is_an_error(self):
        code = f"import onnxruntime as o; o.SessionOptions().register_custom_ops_library({LIBRARY!r})"
        done = subprocess.run([sys.executable, "-c", code], env={**os.environ, "ONNXPACK_KERNELS": "fast"}, capture_output=True, text=True)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("ONNXPACK_KERNELS: no kernels are called 'fast'; there are: reference", done.stderr)


if __name__ == "__main__":
    unittest.main()
