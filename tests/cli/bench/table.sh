# Every figure comes from a runtime that is told what to say, so the arithmetic shows: medians of the rounds, ratios within a round.
mkdir -p bin libexec && cp "$(command -v onnx-pack)" bin && cp -r "$SUPPORT/timed" libexec/onnx-pack
export PATH="$PWD/bin:$PATH" ONNX_PACK_TIMED_LOG="$PWD/turns"
machine() { sed '1s/^[^:]*: /MACHINE: /'; }
variants='{"-fast":{"ms":5},"-slow":{"ms":20},"-wrong":{"ms":1,"value":2},"-dies":{"ms":1,"dies":true},"-phone":{"ms":1,"requirements":[{"feature":"arch.name","any_of":["riscv64"]}]}}'
onnx-pack build "$DATA/models/add.onnx" -t x86-64-v2 --backend-option "onnxruntime.variants=$variants" -o m.onnxpkg -q > build.txt || cat build.txt
ONNX_PACK_TIMED_LOG= onnx-pack bench m.onnxpkg --rounds 3 --runs 4 --threads 1 -q --record e.json | machine
onnx-pack bench m.onnxpkg --rounds 3 --runs 4 --threads 1 --variant x86-64-v2-onnxruntime-fast -q | machine
cat turns
onnx-pack select m.onnxpkg -t host --evidence e.json --dry-run -q | head -1
