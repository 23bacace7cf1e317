# The rule's answer and the runtime's side by side: the same, different, and where nobody could be asked.
mkdir -p bin libexec && cp "$(command -v onnx-pack)" bin && cp -r "$SUPPORT/timed" libexec/onnx-pack
export PATH="$PWD/bin:$PATH" ONNX_PACK_OVERRIDE_ARCH__NAME=amd64 ONNX_PACK_OVERRIDE_LIBC__GLIBC=1.32
variants='{"-same":{"ms":5,"compatibility":"onnx-pack/1;arch.name=amd64"},"-differs":{"ms":5,"compatibility":"onnx-pack/1;arch.name=amd64;libc.glibc=1.32"},"-newer":{"ms":5,"compatibility":"onnx-pack/1;arch.name=amd64;runtime.onnxruntime=1.32"},"-arm":{"ms":5,"compatibility":"onnx-pack/1;arch.name=arm64"},"-none":{"ms":5}}'
onnx-pack build "$DATA/models/add.onnx" -t x86-64-v2 --backend-option "onnxruntime.variants=$variants" -o m.onnxpkg -q > out.txt 2>&1 || cat out.txt
onnx-pack select m.onnxpkg -t host --check-runtime --dry-run -q 2> /dev/null | sed '/^$/q'
onnx-pack select m.onnxpkg -t host --check-runtime --dry-run --json -q 2> /dev/null | grep -c '"agrees": true'
onnx-pack select m.onnxpkg -t x86-64-v3 --check-runtime --dry-run 2>&1 | grep error
