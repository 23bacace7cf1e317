onnx-pack verify out.onnxpkg --integrity-only --require-verified
echo $?
onnx-pack verify out.onnxpkg --input x
echo $?
onnx-pack verify out.onnxpkg --input-range x=2:1
