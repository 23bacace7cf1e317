onnx-pack build "$DATA/models/add.onnx" --backend none -o out.onnxpkg -q > /dev/null
head -c 2000 out.onnxpkg > half.onnxpkg
onnx-pack inspect half.onnxpkg
echo $?
(cat out.onnxpkg; echo more) > longer.onnxpkg
onnx-pack inspect longer.onnxpkg
