onnx-pack build "$DATA/models/add.onnx" --backend none -o out.onnxpkg -q > /dev/null
echo '{"name": "x", "fatcs": {}}' > device.json
onnx-pack select out.onnxpkg --target device.json --dry-run
echo $?
onnx-pack select out.onnxpkg --target ./nowhere.json --dry-run
