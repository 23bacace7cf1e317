# Shown all the same: whoever looks for the fault wants to see it.
cp "$DATA/models/bad-dangling.onnx" .
onnx-pack inspect bad-dangling.onnx
