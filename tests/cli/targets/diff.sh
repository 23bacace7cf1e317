onnx-pack targets diff x86-64-v3 zen4
echo ---
onnx-pack targets diff qualcomm-sm8450 snapdragon-8-gen-3
echo ---
onnx-pack targets diff haswell haswell
onnx-pack targets diff "$DATA/target/kiosk.json" x86-64-v3 --json | grep -A2 code_for
