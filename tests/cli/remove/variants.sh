# A package without a variant is the package that was built without it; evidence of what is gone goes too.
build() { onnx-pack build "$DATA/models/external.onnx" --backend good --backend-path "$SUPPORT/backends" -q "$@" > /dev/null; }
build -t x86-64-v3 -o one.onnxpkg
build -t x86-64-v3 -t x86-64-v4 -o two.onnxpkg
onnx-pack remove two.onnxpkg x86-64-v4-good -o left.onnxpkg
cmp one.onnxpkg left.onnxpkg && echo "as if it had not been built"
onnx-pack remove two.onnxpkg x86-64-v4-good x86-64-v3-good -o left.onnxpkg --force -q
onnx-pack extract left.onnxpkg --original -o original -q > /dev/null
cmp original/external.onnx "$DATA/models/external.onnx" && echo "the original is there"
onnx-pack remove two.onnxpkg x86-64-v5-good -o out.onnxpkg
echo "exit $?"
onnx-pack remove two.onnxpkg x86-64-v4-good -o one.onnxpkg
echo "exit $?"
onnx-pack select two.onnxpkg -t x86-64-v3 --prefer-variants -o slim.onnxpkg -q > /dev/null
onnx-pack remove slim.onnxpkg x86-64-v3-good -o out.onnxpkg
echo "exit $?"
onnx-pack remove slim.onnxpkg x86-64-v4-good -o slim.onnxpkg --force -q > /dev/null
cmp one.onnxpkg slim.onnxpkg && echo "a slim one, onto itself"
ls -A
