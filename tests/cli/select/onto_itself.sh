# With --force the slim package may take the place of the one that it comes from, or of a link to it; without, nothing happens.
onnx-pack build "$DATA/models/add.onnx" -t x86-64-v3 -t x86-64-v4 --backend good --backend-path "$SUPPORT/backends" -o full.onnxpkg -q > /dev/null
cp full.onnxpkg p.onnxpkg
ln -s p.onnxpkg soft
ln p.onnxpkg hard
onnx-pack select p.onnxpkg -t x86-64-v3 --prefer-variants -o p.onnxpkg -q > /dev/null
echo "exit $?"
cmp full.onnxpkg p.onnxpkg && echo unchanged
onnx-pack select p.onnxpkg -t x86-64-v3 --prefer-variants -o soft --force -q > /dev/null
echo "exit $?"
cmp full.onnxpkg p.onnxpkg && echo "the link was replaced, not what it points at"
onnx-pack select p.onnxpkg -t x86-64-v3 --prefer-variants -o p.onnxpkg --force -q > /dev/null
echo "exit $?"
cmp full.onnxpkg hard && echo "the other name keeps the old bytes"
cmp p.onnxpkg soft && onnx-pack verify p.onnxpkg --integrity-only -q > /dev/null && echo "slim and whole"
ls -A
