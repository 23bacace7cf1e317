# Who takes what of a package that is there, which variants nobody takes and why, and what a measurement changes.
python3 "$SUPPORT/fleet.py" fleet
mkdir -p bin libexec && cp "$(command -v onnx-pack)" bin && cp -r "$SUPPORT/timed" libexec/onnx-pack
export PATH="$PWD/bin:$PATH"
onnx-pack build "$DATA/models/add.onnx" -t x86-64-v2 -t x86-64-v3 -t aarch64 -t qualcomm-sm8450 -t qualcomm-sm8550 -t apple-metal -o m.onnxpkg -q > /dev/null
onnx-pack plan --fleet fleet m.onnxpkg -q
echo --- preferred
onnx-pack plan --fleet fleet m.onnxpkg -q --prefer-variants
