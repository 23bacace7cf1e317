onnx-pack build "$DATA/models/add.onnx" --backend none -o m.onnxpkg -q > /dev/null
onnx-pack bench m.onnxpkg --variant fast
