# Without variants there is nothing to choose, and the original serves every device.
onnx-pack build "$DATA/models/add.onnx" --backend none -o out.onnxpkg -q > /dev/null
onnx-pack select out.onnxpkg --target qualcomm-sm8650 -o slim.onnxpkg -q | norm size
cmp out.onnxpkg slim.onnxpkg && echo same
