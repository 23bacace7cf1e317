onnx-pack build "$DATA/models/add.onnx" -t x86-64-v3 --backend fails --backend-path "$SUPPORT/backends" -o out.onnxpkg -q \
  --allow-missing x86-64-v3 | norm time | tr -s ' '
exit "${PIPESTATUS[0]}"
