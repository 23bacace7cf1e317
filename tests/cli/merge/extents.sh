# needs: models
# Shared bytes are looked for anew: what two shards have in common is held once, as if they had been built together. And a package
# that was taken apart by select comes back.
build() { onnx-pack build "$DET" --backend keeps-weights --backend-path "$SUPPORT/backends" -q "$@" > /dev/null; }
build -t x86-64-v3 -o a.onnxpkg
build -t x86-64-v4 -o b.onnxpkg
build -t x86-64-v3 -t x86-64-v4 -o whole.onnxpkg
onnx-pack merge b.onnxpkg a.onnxpkg -o merged.onnxpkg -q > /dev/null
cmp whole.onnxpkg merged.onnxpkg && echo "shards: the same bytes"
onnx-pack select whole.onnxpkg -t x86-64-v3 --variant x86-64-v3-keeps-weights --no-fallback -o s3.onnxpkg -q > /dev/null
onnx-pack select whole.onnxpkg -t x86-64-v4 --variant x86-64-v4-keeps-weights --prefer-mapped -o s4.onnxpkg -q > /dev/null
onnx-pack merge s3.onnxpkg s4.onnxpkg -o again.onnxpkg -q > /dev/null
cmp whole.onnxpkg again.onnxpkg && echo "slim parts: the same bytes"
onnx-pack merge s3.onnxpkg s3.onnxpkg -o none.onnxpkg
echo "exit $?"
