# needs: python onnxruntime
# An original that no runtime loads as it is: run by the kernels and as onnx's function body, each held against the other, and variants against what they are not.
"$PYTHON" "$SUPPORT/flex_models.py" capped
onnx-pack build m.onnx -t x86-64-v2 --backend onnxruntime -o m.onnxpkg -q > /dev/null
show() { grep -v -e '^  [a-z]*/' -e 'provider:' -e 'max error' -e '^integrity' -e '^  manifest' -e '^  container' -e '^  original of' -e '^  scopes' | sed 's/id .*/id ID/; s/-run-[^/]*/-run/' | norm | tr -s ' '; }
onnx-pack verify m.onnxpkg --runs 1 --warmup 0 -q | show
echo --- by the plain kernels
onnx-pack verify m.onnxpkg --reference --runs 1 --warmup 0 -q | show
echo --- without the library nothing is called verified that was not run
ONNXPACK_OPS_LIBRARY=none.so onnx-pack verify m.onnxpkg --runs 1 --warmup 0 -q | show
