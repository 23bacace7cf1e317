# One bit of the model: nothing gets its name.
onnx-pack build "$DATA/models/add.onnx" --backend none -o out.onnxpkg -q > /dev/null
printf '\377' | dd of=out.onnxpkg bs=1 seek=100 conv=notrunc status=none
onnx-pack extract out.onnxpkg --original -o back -q 2>&1 | norm digest
ls
