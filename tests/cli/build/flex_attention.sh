# needs: python onnxruntime
# Built for a CPU: the operators of libonnxpack_ops, and standard operators beside it; what cannot be tiled says why. The original stays as it is.
"$PYTHON" "$SUPPORT/flex_models.py" mixed
onnx-pack build m.onnx -t x86-64-v2 --backend onnxruntime -o m.onnxpkg -q | grep -v ^schedule | norm | tr -s ' '
echo --- what each variant is
onnx-pack inspect m.onnxpkg --json -q > p.json
"$PYTHON" -c "
import json
for v in json.load(open('p.json'))['variants']:
    print(v['name'], v['provenance']['source']['transformations'], [n for n in v['requirements'] if n['feature'].startswith('runtime')], v['compatibility_string'])"
echo --- for a device without the library, for one with it
onnx-pack select m.onnxpkg --target x86-64-v2 --dry-run -q | head -1
onnx-pack targets show x86-64-v2 > with.json
"$PYTHON" -c "
import json
t = json.load(open('with.json')); t['facts']['runtime.onnxpack_ops'] = ['1']; json.dump(t, open('with.json', 'w'))"
onnx-pack select m.onnxpkg --target with.json --explain --dry-run -q | norm | tr -s ' '
echo --- the expanded variant opens in ONNX Runtime without the library, out of an unzipped package
mkdir folder && onnx-pack extract m.onnxpkg --all -o folder -q > /dev/null 2>&1; ls folder | head -3
"$PYTHON" - <<'P'
import glob, numpy, onnxruntime
path = glob.glob("**/x86-64-v2-onnxruntime-expanded/graph.onnx", recursive=True)[0]
options = onnxruntime.SessionOptions()
options.add_session_config_entry("session.model_external_initializers_file_folder_path", path.split("/variants/")[0])
session = onnxruntime.InferenceSession(open(path, "rb").read(), options)
one = numpy.ones((1, 2, 24, 16), numpy.float32)
print(session.run(None, {"Q": one, "K": one, "V": one})[0].shape)
P
echo --- the original again
onnx-pack extract m.onnxpkg --original -o original -q > /dev/null && cmp original/*.onnx m.onnx && echo same
