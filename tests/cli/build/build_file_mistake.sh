echo '{"version": 1, "model": "add.onnx", "taregts": ["host"]}' > onnx-pack.json
onnx-pack build -f onnx-pack.json
echo $?
printf '{"version": 1,\n "model": "add.onnx",,\n}' > onnx-pack.json
onnx-pack build -f onnx-pack.json
echo $?
onnx-pack build -f nowhere.json
