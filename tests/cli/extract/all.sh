cp "$DATA/models/external.onnx" "$DATA/models/external.bin" .
onnx-pack build external.onnx --backend none -o out.onnxpkg -q > /dev/null
onnx-pack extract out.onnxpkg --all -o folder | norm digest
cmp external.bin folder/components/model/external.bin && echo same
