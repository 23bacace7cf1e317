"""Closing dimensions, and what to type for those that stay open."""

import unittest

import support
from onnxpack_iree import shapes
from onnxpack_iree.protocol import Refused
from support import needs_onnx


@needs_onnx
class Shapes(unittest.TestCase):
    def value(self, name: str, shape: list | None) -> object:
        from onnx import TensorProto, helper

        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    def apply(self, values: list, input_shapes: dict | None = None, free: dict | None = None) -> bool:
        return shapes.apply(None, values, input_shapes or {}, free or {})

    def refusal(self, values: list, input_shapes: dict | None = None, free: dict | None = None) -> Refused:
        with self.assertRaises(Refused) as caught:
            self.apply(values, input_shapes, free)
        return caught.exception

    def test_by_name_and_by_input(self) -> None:
        values = [self.value("a", ["batch", "length"]), self.value("b", ["batch", 3])]
        self.assertTrue(self.apply(values, {"a": [1, 64]}, {"batch": 1}))
        self.assertEqual([shapes.shape_of(value) for value in values], [[1, 64], [1, 3]])
        self.assertEqual(shapes.still_open(values), [])

    def test_minus_one_and_no_name_are_open(self) -> None:
        values = [self.value("x", [-1, 3, None, "w"])]
        self.assertEqual(shapes.shape_of(values[0]), [None, 3, None, "w"])
        self.assertEqual(shapes.still_open(values), ["--input-shape x:<d0>,3,<d2>,<d3>"])
        self.apply(values, {"x": [1, 3, 8, 8]})
        self.assertEqual(shapes.shape_of(values[0]), [1, 3, 8, 8])

    def test_one_name_for_two_dimensions_of_an_input_goes_by_shape(self) -> None:
        self.assertEqual(shapes.still_open([self.value("x", [1, "?", "?"])]), ["--input-shape x:1,<d1>,<d2>"])

    def test_unknown_rank(self) -> None:
        values = [self.value("x", None)]
        self.assertEqual(shapes.still_open(values), ["--input-shape x:<sizes>"])
        self.apply(values, {"x": [2, 2]})
        self.assertEqual(shapes.shape_of(values[0]), [2, 2])

    def test_shared_names_are_asked_once(self) -> None:
        values = [self.value(name, ["batch", "n"]) for name in "ab"]
        self.assertEqual(
            shapes.still_open(values), ["--free-dimension-override batch=<size>", "--free-dimension-override n=<size>"]
        )

    def test_nothing_asked_nothing_fixed(self) -> None:
        self.assertFalse(self.apply([self.value("a", ["n"])]))

    def test_refusals(self) -> None:
        values = [self.value("image", ["batch", 3])]
        self.assertEqual(self.refusal(values, {"imag": [1, 3]}).reason, "there is no input 'imag'; did you mean 'image'?")
        self.assertEqual(self.refusal(values, {"imag": [1, 3]}).hint, "inputs: image[batch,3]")
        self.assertIn("has 2 dimensions, the given shape 1 has 1", self.refusal(values, {"image": [1]}).reason)
        self.assertIn("dimension 1 of input 'image' is 3 in the model", self.refusal(values, {"image": [1, 4]}).reason)
        self.assertEqual(
            self.refusal(values, free={"batsh": 1}).reason, "no input has a dimension named 'batsh'; did you mean 'batch'?"
        )

    def test_forgetting_keeps_numbers(self) -> None:
        value = self.value("y", ["n", 4, -1])
        shapes.forget_symbols([value])
        self.assertEqual(shapes.shape_of(value), [None, 4, None])


if __name__ == "__main__":
    unittest.main()
