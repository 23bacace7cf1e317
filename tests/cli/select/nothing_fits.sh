onnx-pack build "$DATA/models/add.onnx" -t x86-64-v4 --backend good --backend-path "$SUPPORT/backends" -o out.onnxpkg -q > /dev/null
onnx-pack select out.onnxpkg --target x86-64-v3 --no-fallback -o slim.onnxpkg
status=$?
ls
exit $status
