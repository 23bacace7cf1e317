onnx-pack lower model.onnx
