# needs: models
# Blobs that hold the model's weights cost next to nothing, and come back byte for byte from every slim package.
onnx-pack build "$DET" -t x86-64-v3 -t x86-64-v4 --backend keeps-weights --backend-path "$SUPPORT/backends" -o full.onnxpkg -q > /dev/null
onnx-pack inspect full.onnxpkg | sed -n '/^sizes/,$p'
onnx-pack extract full.onnxpkg --all -o tree -q > /dev/null
blob=variants/x86-64-v3-keeps-weights/model.bin
check() {
  onnx-pack verify "$1" --integrity-only -q > /dev/null && echo "$1 is whole"
  onnx-pack extract "$1" --variant x86-64-v3-keeps-weights -o "$1.blobs" -q > /dev/null && cmp "$1.blobs/$blob" "tree/$blob" && echo "same blob"
  onnx-pack extract "$1" --original -o "$1.onnx" > /dev/null 2>&1 && cmp "$1.onnx" "$DET" && echo "same original"
  python3 -m zipfile -l "$1" | awk 'NR > 1 {print "  " $1, $NF}'
}
slim() { onnx-pack select "$1" --target x86-64-v3 --variant x86-64-v3-keeps-weights "${@:3}" -o "$2" -q > /dev/null && check "$2"; }
echo "-- with fallback"; slim full.onnxpkg slim.onnxpkg
echo "-- without fallback"; slim full.onnxpkg alone.onnxpkg --no-fallback
echo "-- the blob in one piece"; slim full.onnxpkg mapped.onnxpkg --prefer-mapped
echo "-- and slimmed again"; slim mapped.onnxpkg again.onnxpkg --no-fallback
cmp alone.onnxpkg again.onnxpkg && echo "the same package by either way"
