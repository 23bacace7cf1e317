# One compiler crashes, another does not: the target is served, so nothing is lost.
onnx-pack build "$DATA/models/add.onnx" -t x86-64-v3 --backend segfault --backend good --jobs 2 --backend-path "$SUPPORT/backends" \
  -o out.onnxpkg -q | norm time | tr -s ' '
exit "${PIPESTATUS[0]}"
