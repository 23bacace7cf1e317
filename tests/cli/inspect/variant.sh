onnx-pack build "$DATA/models/add.onnx" -t x86-64-v3 --backend good --backend-path "$SUPPORT/backends" -o out.onnxpkg -q > /dev/null
name=$(onnx-pack inspect out.onnxpkg --json | sed -n 's/^      "name": "\(x86[^"]*\)",*/\1/p')
onnx-pack inspect out.onnxpkg --variant "${name}x"
echo $?
ONNX_PACK_OVERRIDE_X86_64__LEVEL=v1,v2,v3 onnx-pack inspect out.onnxpkg --variant "$name" | norm digest
