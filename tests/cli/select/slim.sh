# The slim package has the same id and is itself a package; what was dropped is named when it is asked for.
onnx-pack build "$DATA/models/add.onnx" -t x86-64-v3 -t x86-64-v4 --backend good --backend-path "$SUPPORT/backends" -o out.onnxpkg -q > /dev/null
onnx-pack select out.onnxpkg --target x86-64-v3 --prefer-variants -o slim.onnxpkg | norm size digest
id() { onnx-pack inspect "$1" --json | sed -n 's/^  "id": //p'; }
[ "$(id out.onnxpkg)" = "$(id slim.onnxpkg)" ] && echo "same id"
onnx-pack verify slim.onnxpkg --integrity-only > /dev/null && echo whole
dropped=$(onnx-pack inspect out.onnxpkg --json | sed -n 's/^      "name": "\(x86-64-v4[^"]*\)",*/\1/p')
onnx-pack extract slim.onnxpkg --variant "$dropped" -o blobs 2>&1 | norm digest
