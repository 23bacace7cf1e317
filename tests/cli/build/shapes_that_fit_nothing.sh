onnx-pack build "$DATA/models/add.onnx" -t x86-64-v3 --backend good --backend-path "$SUPPORT/backends" -o out.onnxpkg --input-shape y:1,4
onnx-pack build "$DATA/models/add.onnx" -t x86-64-v3 --backend good --backend-path "$SUPPORT/backends" -o out.onnxpkg --input-shape x:1,5
onnx-pack build "$DATA/models/add.onnx" -t x86-64-v3 --backend good --backend-path "$SUPPORT/backends" -o out.onnxpkg --free-dimension-override m=1
ls
