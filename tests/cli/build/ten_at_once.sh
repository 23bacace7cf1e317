# Ten builds of three targets by ten processes with one cache: each thing is compiled once, and all packages are the same.
mkdir -p bin libexec && cp "$(command -v onnx-pack)" bin && cp -r "$SUPPORT/timed" libexec/onnx-pack
export PATH="$PWD/bin:$PATH" ONNX_PACK_COMPILE_LOG="$PWD/log"
for i in 0 1 2 3 4 5 6 7 8 9; do
  onnx-pack build "$DATA/models/add.onnx" -t x86-64-v3 -t aarch64 -t riscv64 --jobs 2 --backend-option onnxruntime.seconds=0.2 -o $i.onnxpkg -q > $i.txt &
done
wait
sort log
sha256sum *.onnxpkg | cut -d' ' -f1 | sort -u | wc -l
