onnx-pack build no-such-model.onnx --backend none -o out.onnxpkg
