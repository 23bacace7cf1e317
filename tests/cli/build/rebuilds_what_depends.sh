# Five targets; changing a target, an option of one, the backend's version or a weight compiles exactly what depends on it.
mkdir -p bin libexec && cp "$(command -v onnx-pack)" bin && cp -r "$SUPPORT/timed" libexec/onnx-pack
export PATH="$PWD/bin:$PATH" ONNX_PACK_COMPILE_LOG="$PWD/log"
cp "$DATA/models/external.onnx" "$DATA/models/external.bin" .
for target in x86-64-v2 x86-64-v3 x86-64-v4 aarch64 riscv64; do onnx-pack targets show "$target" > "$target.json"; done
build() {
  echo "--- $1"; shift; : > log
  onnx-pack build external.onnx -t x86-64-v2.json -t x86-64-v3.json -t x86-64-v4.json -t aarch64.json -t riscv64.json -o m.onnxpkg --force -q "$@" > out.txt || cat out.txt
  sort log
}
build 'the first time'
build 'again'
build 'another order and number of jobs' --jobs 1 --attach "$DATA/models/make.py"
sed -i 's/"v2", *"v3"/"v2", "v3", "v4"/; s/"description".*/"description": "the same by another name",/' x86-64-v3.json; grep -c 'another name' x86-64-v3.json
build 'the words about a target, which change nothing'
sed -i 's/"asimd",/"asimd", "asimddp",/' aarch64.json; grep -c asimddp aarch64.json
build 'a fact of one target'
build 'an option of one target' --backend-option riscv64/onnxruntime.variants='{"":{"ms":7}}'
sed -i 's/"timed": "1"/"timed": "2"/' libexec/onnx-pack/onnx-pack-backend-onnxruntime
build 'the version of the backend, and so its program'
printf '\1' | dd of=external.bin bs=1 seek=3 conv=notrunc status=none
build 'one weight'
build 'again'
