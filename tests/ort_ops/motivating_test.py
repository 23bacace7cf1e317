"""The graphs of examples/flex_attention, each lowered and expanded, in ONNX Runtime against NumPy; and the example that runs one."""

import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import numpy as np
import onnx

from harness import DOMAIN, LIBRARY, PROGRAM, ROOT, SKIPPED, run
from lowering import lower, onnx_pack, operators

if not PROGRAM.exists():
    print(f"SKIPPED: needs {PROGRAM}")
    raise SystemExit(SKIPPED)

EXAMPLES = ROOT / "examples/flex_attention"
sys.path.insert(0, str(EXAMPLES))
import graphs  # noqa: E402


class Motivating(unittest.TestCase):
    def test_every_graph(self):
        self.assertEqual(len(graphs.GRAPHS), 7)
        for make in graphs.GRAPHS:
            with self.subTest(make.__name__):
                model, inputs, expected = make(np.random.default_rng(3))
                onnx.checker.check_model(model)
                lowered = lower(model)
                self.assertEqual(operators(lowered), {(DOMAIN, "FlexAttention")})
                # A probability beside a rounding border may fall on either side.
                limit = 1 / 255 if make is graphs.quantised_probabilities else 2e-5
                np.testing.assert_allclose(run(lowered, inputs)[0], expected, rtol=limit, atol=limit)
                np.testing.assert_allclose(run(lower(model, "--expand"), inputs, ops=False)[0], expected, rtol=limit, atol=limit)

    def test_the_wrong_answer_is_seen(self):
        model, inputs, expected = graphs.alibi(np.random.default_rng(3))
        other = run(lower(model), inputs | {"slopes": inputs["slopes"] * 1.01})[0]
        self.assertGreater(np.abs(other - expected).max(), 1e-4)

    def test_pages_that_nobody_has_are_not_visited(self):
        model, inputs, expected = graphs.paged(np.random.default_rng(3))
        free = np.flatnonzero((inputs["logical_page"] < 0).all(axis=0))
        self.assertGreater(free.size, 0)
        size = inputs["K"].shape[2] // inputs["logical_page"].shape[1]
        for page in free:
            for name in "KV":
                inputs[name][:, :, page * size:(page + 1) * size] = np.nan
        np.testing.assert_allclose(run(lower(model), inputs)[0], expected, rtol=2e-5, atol=2e-5)

    def test_masks_are_found_without_their_values(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "m.onnx"
            onnx.save(graphs.dilated_window(np.random.default_rng(3))[0], path)
            told = re.search(r"of (\d+) tiles .*, (\d+) are skipped", onnx_pack("kernels", "explain", str(path)))
            self.assertGreater(int(told[2]), 0.8 * int(told[1]))

    def test_the_example_as_written(self):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            subprocess.run([sys.executable, EXAMPLES / "graphs.py", folder], check=True, capture_output=True)
            onnx_pack("lower", str(folder / "documents.onnx"), "-o", str(folder / "lowered.onnx"))
            done = subprocess.run([sys.executable, EXAMPLES / "run.py", folder / "lowered.onnx", LIBRARY, folder / "documents.npz"],
                                  check=True, capture_output=True, text=True)
            self.assertRegex(done.stdout, r"Y: float32 \(2, 4, 256, 32\)\nlargest difference from what is expected: \d\.\de-0[678]")


if __name__ == "__main__":
    unittest.main()
