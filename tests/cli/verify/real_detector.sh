# needs: models onnxruntime
# The main job on a real model; the first line of each part, since figures differ between machines.
cp "$DET" det.onnx
onnx-pack build det.onnx -t x86-64-v3 --backend onnxruntime -o det.onnxpkg -q > build.txt || cat build.txt
onnx-pack extract det.onnxpkg --original -o back -q > /dev/null && cmp det.onnx back/det.onnx && echo same
onnx-pack verify det.onnxpkg --integrity-only -q | tail -1 | sed 's/, id .*//'
