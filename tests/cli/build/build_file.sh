cp "$DATA/models/add.onnx" .
cat > onnx-pack.json <<'J'
{"version": 1, "model": "add.onnx", "targets": ["x86-64-v3"], "backends": ["none"], "output": "out.onnxpkg",
 "package": {"name": "adder", "version": "1.2", "licenses": ["MIT"]}}
J
mkdir elsewhere
cd elsewhere
onnx-pack build -f ../onnx-pack.json -q > /dev/null
ls ..
onnx-pack inspect ../out.onnxpkg | head -2
