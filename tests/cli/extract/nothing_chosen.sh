onnx-pack extract out.onnxpkg
echo $?
onnx-pack extract out.onnxpkg --all --original
