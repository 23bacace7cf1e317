onnx-pack select out.onnxpkg -o slim.onnxpkg
echo $?
onnx-pack select out.onnxpkg --target host
