# A build file is never used unasked, but pointed out.
echo '{"version": 1}' > onnx-pack.json
onnx-pack build "$DATA/models/add.onnx" -o out.onnxpkg
