# What would be compiled, and which part of the build key made it so.
mkdir -p bin libexec && cp "$(command -v onnx-pack)" bin && cp -r "$SUPPORT/timed" libexec/onnx-pack
export PATH="$PWD/bin:$PATH"
cp "$DATA/models/add.onnx" m.onnx
plan() { echo "--- $*"; onnx-pack build m.onnx -t x86-64-v3 -t aarch64 --dry-run -q "$@" | sed -n '2,/^$/p' | sed 's/[0-9a-f]\{12\}/HEX/g' | tr -s ' '; }
plan
ls "$XDG_CACHE_HOME"
onnx-pack build m.onnx -t x86-64-v3 -t aarch64 -o m.onnxpkg -q > /dev/null
plan
plan -t riscv64
plan --backend-option aarch64/onnxruntime.variants='{"":{"ms":7}}'
plan --no-cache
sed -i 's/"timed": "1"/"timed": "2"/' libexec/onnx-pack/onnx-pack-backend-onnxruntime
plan
cp "$DATA/models/ir10.onnx" m.onnx
sed -i 's/"timed": "2"/"timed": "1"/' libexec/onnx-pack/onnx-pack-backend-onnxruntime
plan
