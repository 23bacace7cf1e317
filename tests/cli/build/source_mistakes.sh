build() { onnx-pack build "$DATA/models/add.onnx" -t x86-64-v3 --backend good --backend-path "$SUPPORT/backends" -o m.onnxpkg -q "$@"; }
build --source aarch64="$DATA/models/add.onnx"
build --source x86-64-v3/encoder="$DATA/models/add.onnx"
build --source x86-64-v3="$DATA/models/if.onnx"
build --source x86-64-v3="$DATA/models/add.onnx" --source x86-64-v3="$DATA/models/add.onnx"
build --source x86-64-v3="$DATA/models/add.onnx" --source-precision x86-64-v3=int5
build --source-precision x86-64-v3=int8
build --source x86-64-v3=none.onnx
ls
