# A blob that was made elsewhere: by flags, or described in a file as in manifest.json.
onnx-pack build "$DATA/models/external.onnx" --backend none -o base.onnxpkg -q > /dev/null
printf engine > model.engine
onnx-pack add base.onnxpkg --blob model.engine --target cuda-sm_89 --backend tensorrt --ep TensorrtExecutionProvider --device gpu \
  --precision fp16 -o gpu.onnxpkg | norm digest
onnx-pack inspect gpu.onnxpkg --variant cuda-sm_89-tensorrt | sed 's/  */ /g'
cat > variant.json <<END
{"target": "x86-64-v3", "backend": "mine", "ep": "CPUExecutionProvider", "precision": "fp32",
 "partitions": [{"blobs": [{"member": "parts/a.bin", "role": "model"}, {"member": "parts/b.bin", "role": "weights"}]}]}
END
mkdir parts
echo a > parts/a.bin
echo b > parts/b.bin
onnx-pack add gpu.onnxpkg --variant variant.json -o both.onnxpkg
onnx-pack extract both.onnxpkg --variant x86-64-v3-mine -o blobs -q
cat blobs/variants/x86-64-v3-mine/parts/*
onnx-pack verify both.onnxpkg --integrity-only -q > /dev/null && echo whole
onnx-pack add base.onnxpkg --variant variant.json -o mine.onnxpkg -q > /dev/null
onnx-pack merge mine.onnxpkg gpu.onnxpkg -o merged.onnxpkg -q > /dev/null
cmp both.onnxpkg merged.onnxpkg && echo "added or merged: the same bytes"
