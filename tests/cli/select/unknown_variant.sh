onnx-pack build "$DATA/models/add.onnx" -t x86-64-v3 --backend good --backend-path "$SUPPORT/backends" -o out.onnxpkg -q > /dev/null
onnx-pack select out.onnxpkg --target x86-64-v3 --variant x86-64-v3-goood -o slim.onnxpkg
