# needs: python onnxruntime
# A model and a package name the nodes that no runtime loads as they are, and the form that each variant has.
"$PYTHON" "$SUPPORT/flex_models.py" mixed
onnx-pack inspect m.onnx -q | grep '^to lower'
onnx-pack inspect m.onnx --json -q > m.json
onnx-pack build m.onnx -t x86-64-v2 --backend onnxruntime -o m.onnxpkg -q > /dev/null
onnx-pack inspect m.onnxpkg -q | grep -e 'to lower' -e '^  x86' -e '  of ' | tr -s ' ' | cut -d ' ' -f 2-8
onnx-pack inspect m.onnxpkg --json -q > p.json
"$PYTHON" -c "
import json
print(json.load(open('m.json'))['to_lower'])
print(json.load(open('m.json'))['to_lower'] == json.load(open('p.json'))['components'][0]['to_lower'])"
