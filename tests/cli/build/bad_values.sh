add=$DATA/models/add.onnx
for flag in --min-coverage=2 --timeout=soon --memory-limit=lots --jobs=many --component=add.onnx; do
  onnx-pack build "$add" -t x86-64-v3 -o out.onnxpkg "$flag"
done
onnx-pack build "$add" -t x86-64-v3 -o out.onnxpkg --input-shape x
onnx-pack build "$add" -t x86-64-v3 -o out.onnxpkg --backend-option level=3
