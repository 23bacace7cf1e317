# Same inputs, same bytes, wherever and whenever.
mkdir elsewhere
cp "$DATA/models/add.onnx" elsewhere/
onnx-pack build "$DATA/models/add.onnx" --backend none -o a.onnxpkg -q > /dev/null
sleep 1
(cd elsewhere && onnx-pack build add.onnx --backend none -o ../b.onnxpkg -q > /dev/null)
cmp a.onnxpkg b.onnxpkg && echo same
