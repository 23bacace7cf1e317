onnx-pack build "$DATA/models/add.onnx" -t x86-64-v3 --backend cannot-describe --backend runs-only --backend unavailable --backend-path "$SUPPORT/backends" \
  -o out.onnxpkg -q | norm time | tr -s ' '
exit "${PIPESTATUS[0]}"
