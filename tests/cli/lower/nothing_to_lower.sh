# needs: models
onnx-pack lower "$CLS" -o same.onnx
cmp same.onnx "$CLS" && echo same bytes
