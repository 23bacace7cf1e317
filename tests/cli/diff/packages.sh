# What two packages do not have in common, line by line; 0 when there is nothing, 10 when there is something.
build() { onnx-pack build "$@" --backend-path "$SUPPORT/backends" -q > /dev/null; }
build "$DATA/models/external.onnx" --backend good -t x86-64-v3 -t x86-64-v4 -o a.onnxpkg
echo cat > labels.txt
build "$DATA/models/external.onnx" --backend good -t x86-64-v4 -t aarch64 --attach labels.txt --package-version 2 -o b.onnxpkg
cp a.onnxpkg copy.onnxpkg
onnx-pack select a.onnxpkg -t x86-64-v3 --prefer-variants -o slim.onnxpkg -q > /dev/null
build "$DATA/models/add.onnx" --backend none --package-name external -o other.onnxpkg
compare() {
  onnx-pack diff "$1.onnxpkg" "$2.onnxpkg" | norm digest
  echo "exit ${PIPESTATUS[0]}"
}
compare a copy
compare a b
compare a slim
compare slim a
compare a other
onnx-pack diff a.onnxpkg slim.onnxpkg --json | sed -E 's/[0-9a-f]{64}/SHA256/'
onnx-pack diff a.onnxpkg none.onnxpkg
echo "exit $?"
