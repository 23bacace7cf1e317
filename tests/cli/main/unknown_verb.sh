onnx-pack inspct model.onnxpkg
