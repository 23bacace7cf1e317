onnx-pack targets show x86-64-v9
echo $?
onnx-pack targets x86-64-v3
echo $?
onnx-pack targets show
