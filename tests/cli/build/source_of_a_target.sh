# needs: python onnxruntime
# One target is compiled from a quantised export: recorded with its digest and precision, and held against the original at that precision.
"$PYTHON" - <<'END'
import numpy, onnx
from onnx import TensorProto, helper, numpy_helper

weights = numpy.random.default_rng(1).standard_normal((64, 64)).astype(numpy.float32)
scale = numpy.float32(numpy.abs(weights).max() / 127)
quantised = numpy.clip(numpy.round(weights / scale), -127, 127).astype(numpy.int8)
value = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 64])
tensor = lambda array, name: numpy_helper.from_array(numpy.asarray(array), name)

def save(name, nodes, initializers):
    graph = helper.make_graph(nodes, "g", [value("x")], [value("y")], initializers)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), name)

product = helper.make_node("MatMul", ["x", "w"], ["y"])
save("m.onnx", [product], [tensor(weights, "w")])
dequantise = helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["w"])
save("int8.onnx", [dequantise, product], [tensor(quantised, "q"), tensor(scale, "scale"), tensor(numpy.int8(0), "zero")])
END
build() { onnx-pack build m.onnx -t x86-64-v2 -t aarch64 --backend onnxruntime --source aarch64=int8.onnx --input-shape x:8,64 -q "$@"; }
build -o m.onnxpkg > out.txt || cat out.txt
field() { "$PYTHON" -c "
import hashlib, json
for v in json.load(open('p.json'))['variants']:
    s = v['provenance']['source']
    print(v['name'], v['precision'], s and (s['file_name'], s['sha256'] == hashlib.sha256(open('int8.onnx', 'rb').read()).hexdigest()))"; }
onnx-pack inspect m.onnxpkg --json > p.json && field
onnx-pack inspect m.onnxpkg --variant aarch64-onnxruntime -q | grep -c 'made from  *int8.onnx'
build -o fp16.onnxpkg --source-precision aarch64=fp16 > /dev/null && onnx-pack inspect fp16.onnxpkg --json > p.json && field
echo --- cached, and the package again the same
build -o again.onnxpkg | grep -c cached && cmp m.onnxpkg again.onnxpkg && echo same
onnx-pack verify m.onnxpkg --variant aarch64-onnxruntime --runs 1 --warmup 0 -q | grep -o 'aarch64-onnxruntime  *[a-zA-Z ]*  ' | tr -s ' '
echo --- the original again
onnx-pack extract m.onnxpkg --original -o original -q > /dev/null && cmp original/*.onnx m.onnx && echo same
