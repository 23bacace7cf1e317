onnx-pack build "$DATA/models/add.onnx" -t x86-64-v3 --backend good --backend-path "$SUPPORT/backends" -o out.onnxpkg -q > /dev/null
ONNX_PACK_OVERRIDE_X86_64__LEVEL=v1 onnx-pack inspect out.onnxpkg
