build() {
  onnx-pack build "$DATA/models/add.onnx" -t x86-64-v3 --backend good --backend-path "$SUPPORT/backends" -o "$@" -q | grep -o 'built\|cached'
}
build a.onnxpkg
build b.onnxpkg
build c.onnxpkg --no-cache
cmp a.onnxpkg b.onnxpkg && echo same
onnx-pack cache | norm size
onnx-pack cache prune > /dev/null && onnx-pack cache
