onnx-pack build "$DATA/models/add.onnx" --backend none -o out.onnxpkg -q > /dev/null
onnx-pack verify out.onnxpkg --integrity-only --json -q
