# 100 devices, a compiler that serves everything: the least that must be built, and whom nothing serves.
python3 "$SUPPORT/fleet.py" fleet
mkdir -p bin libexec && cp "$(command -v onnx-pack)" bin && cp -r "$SUPPORT/timed" libexec/onnx-pack
export PATH="$PWD/bin:$PATH"
onnx-pack plan --fleet fleet/*.json "$DATA/models/add.onnx" -q > all.txt && cat all.txt
onnx-pack plan --fleet fleet "$DATA/models/add.onnx" -q | cmp - all.txt
echo --- restricted
onnx-pack plan --fleet fleet "$DATA/models/add.onnx" -t x86-64-v3 -t qualcomm-sm8550 -t apple-metal -q | head -4
