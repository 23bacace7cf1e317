onnx-pack targets show x86-64-v3
onnx-pack targets show x86-64-v3 > device.json
onnx-pack targets show ./device.json | cmp - device.json && echo same
