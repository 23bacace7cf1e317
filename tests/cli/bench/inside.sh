# build --bench leaves the figures in the package, under the id it has without them; select goes by them, from a slim package too.
mkdir -p bin libexec && cp "$(command -v onnx-pack)" bin && cp -r "$SUPPORT/timed" libexec/onnx-pack
export PATH="$PWD/bin:$PATH"
build() { onnx-pack build "$DATA/models/add.onnx" -t x86-64-v2 --backend-option 'onnxruntime.variants={"-fast":{"ms":5},"-slow":{"ms":20}}' -q "$@"; }
build -o plain.onnxpkg | grep '^id' > plain.id
build -o m.onnxpkg --bench > out.txt
grep '^id' out.txt | cmp - plain.id && grep '^select' out.txt
unzip -l m.onnxpkg | grep -c evidence/
onnx-pack verify m.onnxpkg --integrity-only -q | tail -1 | norm digest | sed 's/id .*/id ID/'
onnx-pack select plain.onnxpkg -t host --dry-run -q | head -1
onnx-pack select m.onnxpkg -t host -o slim.onnxpkg -q | head -1
onnx-pack select slim.onnxpkg -t host --dry-run -q | head -1
build -o m.onnxpkg --force --bench --json > out.json
sed -n 's/^ *"ratio": //p' out.json
