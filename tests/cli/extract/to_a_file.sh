onnx-pack build "$DATA/models/add.onnx" --backend none -o out.onnxpkg -q > /dev/null
onnx-pack extract out.onnxpkg --original -o back.onnx -q
cmp "$DATA/models/add.onnx" back.onnx && echo same
