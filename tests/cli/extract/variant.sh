onnx-pack build "$DATA/models/add.onnx" -t x86-64-v3 --backend good --backend-path "$SUPPORT/backends" -o out.onnxpkg -q > /dev/null
onnx-pack extract out.onnxpkg --variant x86-64-v3-good -o blobs
echo $?
find blobs -type f | sort
onnx-pack extract out.onnxpkg --variant x86-64-v3-god -o other
