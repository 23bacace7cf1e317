mkdir folder
onnx-pack build folder --backend none -o out.onnxpkg
