# needs: models python onnxruntime
# Every way of being wrong is found on a real model; the same compiler when honest passes.
cp "$SUPPORT/sabotage/onnx-pack-backend-sabotage" .
sed -i "1s|.*|#!$PYTHON|" onnx-pack-backend-sabotage
export ONNXPACK_SABOTAGE_RUNNER="$(dirname "$(command -v onnx-pack)")/../libexec/onnx-pack/onnx-pack-backend-onnxruntime"
"$PYTHON" "$EXAMPLES/render_text.py" text.npy > /dev/null
for mode in honest zeros permuted one-weight bf16; do
  onnx-pack build "$DET" -t x86-64-v3 --backend-path . --backend sabotage --backend-option sabotage.mode=$mode -o $mode.onnxpkg -q > log 2>&1 || cat log
  onnx-pack verify $mode.onnxpkg --backend-path . --input x=text.npy --runs 1 -q --json > report.json 2> log
  code=$?
  "$PYTHON" -c "import json; print('$mode', $code, json.load(open('report.json'))['variants'][1]['status'])"
done
