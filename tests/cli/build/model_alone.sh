# Without any backend: pack, look, get back what was given, check.
cp "$DATA/models/external.onnx" "$DATA/models/external.bin" .
normed time -- onnx-pack build external.onnx --backend none -o out.onnxpkg
onnx-pack extract out.onnxpkg --original -o back -q
cmp external.onnx back/external.onnx && cmp external.bin back/external.bin && echo same
normed time -- onnx-pack verify out.onnxpkg --integrity-only
