"""examples/flex_attention/from_torch.py: PyTorch's flex_attention as FlexAttention, against PyTorch's own eager result.

Needs torch, onnxscript and transformers, which the tests' Python does not bring: run it with one that does,
`ONNXPACK_OPS=... ONNXPACK_BIN=... python tests/ort_ops/from_torch_test.py`.
"""

import sys
import unittest
import warnings

from harness import DOMAIN, PROGRAM, ROOT, SKIPPED, run

try:
    import onnxscript  # noqa: F401
    import torch
    import transformers  # noqa: F401
except ImportError as error:
    print(f"SKIPPED: needs Python's {error.name}, for the import from PyTorch alone; pip install torch onnxscript transformers")
    raise SystemExit(SKIPPED)
if not PROGRAM.exists():
    print(f"SKIPPED: needs {PROGRAM}")
    raise SystemExit(SKIPPED)

import numpy as np
import onnx
from torch.nn.attention.flex_attention import create_block_mask, flex_attention

from lowering import PREVIEW, lower

sys.path.insert(0, str(ROOT / "examples/flex_attention"))
import from_torch  # noqa: E402

warnings.simplefilter("ignore")


class Attend(torch.nn.Module):
    """One flex_attention with modifiers that close over tensors."""

    def __init__(self, score_mod=None, mask_mod=None, **options):
        super().__init__()
        self.score_mod, self.mask_mod, self.options = score_mod, mask_mod, options

    def forward(self, q, k, v, *captured):
        score_mod = self.score_mod and (lambda s, b, h, q, k: self.score_mod(captured, s, b, h, q, k))
        block_mask = None
        if self.mask_mod:
            block_mask = create_block_mask(lambda b, h, q, k: self.mask_mod(captured, b, h, q, k), None, None, q.shape[2], k.shape[2], device="cpu")
        return flex_attention(q, k, v, score_mod=score_mod, block_mask=block_mask, **self.options)


def tensors(length=130, keys=130, heads=4, kv_heads=4, size=16):
    at = torch.Generator().manual_seed(2)
    return tuple(torch.randn(2, h, n, size, generator=at) for h, n in ((heads, length), (kv_heads, keys), (kv_heads, keys)))


class FromTorch(unittest.TestCase):
    def check(self, module, inputs, operators=1, **options):
        with torch.no_grad():
            want = module(*inputs).numpy()
            model = from_torch.to_onnx(torch.export.export(module, inputs, strict=False), **options)
        self.assertEqual(sum(n.domain == PREVIEW for n in model.graph.node), operators)
        onnx.checker.check_model(model)
        lowered = lower(model)
        self.assertEqual(sum((n.domain, n.op_type) == (DOMAIN, "FlexAttention") for n in lowered.graph.node), operators)
        feeds = {value.name: tensor.numpy() for value, tensor in zip(model.graph.input, inputs)}
        np.testing.assert_allclose(run(lowered, feeds)[0], want, rtol=2e-4, atol=2e-5)
        np.testing.assert_allclose(run(lower(model, "--expand"), feeds, ops=False)[0], want, rtol=2e-4, atol=2e-5)

    def test_nothing_modified(self):
        self.check(Attend(), tensors())

    def test_a_scale_and_grouped_heads(self):
        self.check(Attend(scale=0.3, enable_gqa=True), tensors(kv_heads=2, length=7))

    def test_slopes_that_it_closes_over(self):
        def score(captured, s, b, h, q, k):
            return s + captured[0][h] * (k - q)
        self.check(Attend(score, lambda c, b, h, q, k: q >= k), (*tensors(), torch.tensor([0.5, 0.25, 0.125, 0.0625])))

    def test_a_cap(self):
        self.check(Attend(lambda c, s, b, h, q, k: 3 * torch.tanh(s / 3)), tensors())

    def test_documents_and_a_prefix(self):
        def seen(captured, b, h, q, k):
            documents, prefix = captured
            return (documents[q] == documents[k]) & ((k <= q) | (k < prefix[b]))
        documents = torch.repeat_interleave(torch.arange(3), torch.tensor([40, 60, 30]))
        self.check(Attend(None, seen), (*tensors(), documents, torch.tensor([30, 5], dtype=torch.int32)))

    def test_blocks_by_a_table(self):
        table = torch.rand(9, 9, generator=torch.Generator().manual_seed(3)) < 0.4
        table.fill_diagonal_(True)
        self.check(Attend(None, lambda c, b, h, q, k: c[0][q // 16, k // 16]), (*tensors(), table))

    def test_a_window_with_holes(self):
        self.check(Attend(None, lambda c, b, h, q, k: (q >= k) & (q - k < 64) & ((q - k) % 4 == 0)), tensors())

    def test_arithmetic_of_many_kinds(self):
        def score(captured, s, b, h, q, k):
            far = torch.clamp((q - k).abs(), 0, 20)
            bias = torch.where(far > 10, -0.1 * far, torch.exp(-far / 7.0))
            return torch.sigmoid(s) + bias + torch.rsqrt(far + 1.0) * (k % 3) - ((q - k) // 5) * 0.01 + torch.minimum(s, bias) * ~(q == k)
        self.check(Attend(score), tensors())

    def test_rows_masked_whole(self):
        masked = Attend(None, lambda c, b, h, q, k: q > k)
        inputs = tensors(length=20, keys=20)
        self.check(masked, inputs, zero_masked_rows=True)
        with torch.no_grad():
            model = from_torch.to_onnx(torch.export.export(masked, inputs, strict=False))
        feeds = {value.name: tensor.numpy() for value, tensor in zip(model.graph.input, inputs)}
        self.assertTrue(np.isnan(run(lower(model), feeds)[0][:, :, 0]).all())

    def test_what_is_not_known_is_refused(self):
        with self.assertRaisesRegex(NotImplementedError, "cumsum|lgamma"):
            from_torch.to_onnx(torch.export.export(Attend(lambda c, s, b, h, q, k: torch.lgamma(s)), tensors(), strict=False))

    def test_a_model_of_hugging_face(self):
        ids = torch.randint(0, 64, (1, 48), generator=torch.Generator().manual_seed(1))
        flex, eager = from_torch.small_llama(), from_torch.small_llama("eager")
        with torch.no_grad():
            want = eager(ids).numpy()
            model = from_torch.to_onnx(torch.export.export(flex, (ids,), strict=False))
        lowered = lower(model)
        self.assertEqual(sum((n.domain, n.op_type) == (DOMAIN, "FlexAttention") for n in lowered.graph.node), 2)
        feeds = {model.graph.input[0].name: ids.numpy()}
        np.testing.assert_allclose(run(lowered, feeds)[0], want, rtol=1e-3, atol=2e-5)
        np.testing.assert_allclose(run(lower(model, "--expand"), feeds, ops=False)[0], want, rtol=1e-3, atol=2e-5)
        # Not the same whatever is asked.
        other = ids.clone()
        other[0, 5] += 1
        self.assertGreater(np.abs(run(lowered, {model.graph.input[0].name: other.numpy() % 64})[0] - want).max(), 1e-3)


if __name__ == "__main__":
    unittest.main()
