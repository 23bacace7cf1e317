onnx-pack build "$DATA/models/add.onnx" --backend none -o out.onnxpkg -q > /dev/null
mkdir back
echo precious > back/add.onnx
onnx-pack extract out.onnxpkg --original -o back -q
echo $?
cat back/add.onnx
