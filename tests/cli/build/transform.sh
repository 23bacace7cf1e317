# needs: python onnxruntime
# A target is compiled from what a named transformation makes of the model: by request, and as a further variant.
"$PYTHON" "$SUPPORT/flex_models.py" mixed
build() { onnx-pack build m.onnx -t x86-64-v2 --backend onnxruntime --transform x86-64-v2=lower-flex-attention:form=expanded "$@" -q; }
build -o m.onnxpkg | norm | tr -s ' '
onnx-pack inspect m.onnxpkg --variant x86-64-v2-onnxruntime -q | grep -A1 '^made from' | norm
onnx-pack inspect m.onnxpkg --json -q > p.json
"$PYTHON" -c "
import hashlib, json
s = json.load(open('p.json'))['variants'][0]['provenance']['source']
print(s['file_name'], s['transformations'], s['derived_from'] == hashlib.sha256(open('m.onnx', 'rb').read()).hexdigest())"
echo --- the compiled model is what lower writes
onnx-pack lower m.onnx --expand -o expanded.onnx -q
"$PYTHON" -c "
import hashlib, json
s = json.load(open('p.json'))['variants'][0]['provenance']['source']
print(s['sha256'] == hashlib.sha256(open('expanded.onnx', 'rb').read()).hexdigest())"
echo --- found in the cache, and the package again the same
build -o again.onnxpkg | grep -c cached && cmp m.onnxpkg again.onnxpkg && echo same
echo --- a label makes a further variant
build --transform x86-64-v2@second=lower-flex-attention/1:form=expanded --dry-run | norm | tr -s ' '
echo --- the original again
onnx-pack extract m.onnxpkg --original -o original -q > /dev/null && cmp original/*.onnx m.onnx && echo same
