onnx-pack inspect nothing.onnxpkg
echo $?
onnx-pack inspect
echo $?
onnx-pack inspect a.onnxpkg b.onnxpkg
