# A compiler that crashes costs its own variant; the package is written, and the exit code says so.
onnx-pack build "$DATA/models/add.onnx" -t x86-64-v3 --backend segfault --backend-path "$SUPPORT/backends" -o out.onnxpkg -q |
  norm time | tr -s ' '
status=${PIPESTATUS[0]}
ls
exit $status
