onnx-pack ternarize model.onnx
