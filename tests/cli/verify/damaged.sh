onnx-pack build "$DATA/models/add.onnx" --backend none -o out.onnxpkg -q > /dev/null
printf '\377' | dd of=out.onnxpkg bs=1 seek=100 conv=notrunc status=none
normed digest -- onnx-pack verify out.onnxpkg --integrity-only
