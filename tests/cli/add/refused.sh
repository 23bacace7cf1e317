# What is wrong with an addition is said before anything is written.
onnx-pack build "$DATA/models/add.onnx" -t x86-64-v3 --backend good --backend-path "$SUPPORT/backends" -o p.onnxpkg -q > /dev/null
printf x > b.bin
try() { onnx-pack add p.onnxpkg "$@" -o out.onnxpkg; echo "exit $?"; }
spec() { echo "$1" > v.json; try --variant v.json; }
try
try --blob b.bin
try --blob b.bin --backend good --ep E
try --blob b.bin --backend good --ep E --target x86-64-v3
try --blob none.bin --backend b --ep E --target x86-64-v3
spec '{"name": "v", "backend": "b", "ep": "E", "component_name": "other", "partitions": [{"blobs": [{"member": "b.bin", "role": "model"}]}]}'
spec '{"name": "v", "backend": "b", "ep": "E", "partitions": [{"blobs": [{"member": "../b.bin", "role": "model"}]}]}'
spec '{"name": "v", "backend": "b", "ep": "E", "speed": 3, "partitions": []}'
spec '{"name": "v", "backend": "b", "ep": "E", "partitions": []}'
ls -A
