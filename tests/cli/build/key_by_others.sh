# The build key of docs/backend-protocol.md, computed by somebody else from what the documentation names.
mkdir -p bin libexec && cp "$(command -v onnx-pack)" bin && cp -r "$SUPPORT/timed" libexec/onnx-pack
export PATH="$PWD/bin:$PATH" ONNX_PACK_REQUEST_COPY="$PWD/request.json"
cp "$DATA/models/external.onnx" "$DATA/models/external.bin" .
onnx-pack build external.onnx -t x86-64-v3 --backend-option onnxruntime.seconds=0 -o m.onnxpkg -q > /dev/null
unzip -p m.onnxpkg manifest.json > manifest.json
python3 - <<'END'
import hashlib, json
sha = lambda path: hashlib.sha256(open(path, "rb").read()).hexdigest()
request = json.load(open("request.json"))
for field in ["output_dir", "scratch_dir", "threads", "verb"]:
    request.pop(field, None)
for field in ["description", "sources"]:
    request["target"].pop(field, None)
parts = {
    "backend": "onnxruntime",
    "build_key": 1,
    "content": {"model": sha("external.onnx"), "data/external.bin": sha("external.bin")},
    "program_sha256": sha("libexec/onnx-pack/onnx-pack-backend-onnxruntime"),
    "request": request,
    "versions": {"timed": "1"},
}
text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
found = json.load(open("manifest.json"))["variants"][0]["provenance"]["build_key"]
print("same" if hashlib.sha256(text.encode()).hexdigest() == found else "another key:\n" + text)
END
