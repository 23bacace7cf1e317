# needs: python onnxruntime
# Variants made from a model with another modifier are found, by the kernels and by standard operators.
"$PYTHON" "$SUPPORT/flex_models.py" capped && "$PYTHON" "$SUPPORT/flex_models.py" wrong wrong.onnx
onnx-pack build m.onnx -t x86-64-v2 --source x86-64-v2=wrong.onnx --backend onnxruntime -o m.onnxpkg -q > /dev/null
onnx-pack verify m.onnxpkg --runs 1 --warmup 0 -q --json > report.json
echo $?
"$PYTHON" -c "
import json
for v in json.load(open('report.json'))['variants']:
    print(v['variant'] or '(original)', v['status'], '|', v['reference'])"
