# What would have to be built cannot be said where nothing compiles.
python3 "$SUPPORT/fleet.py" fleet
mkdir -p bin libexec/onnx-pack && cp "$(command -v onnx-pack)" bin
cp "$SUPPORT/backends/onnx-pack-backend-runs-only" libexec/onnx-pack
bin/onnx-pack plan --fleet fleet "$DATA/models/add.onnx" -q
