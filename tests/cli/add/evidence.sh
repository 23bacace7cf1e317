# needs: models python onnxruntime
# What was recorded goes into the package, whose id stays; it is held once, and evidence of another model is refused.
onnx-pack build "$CLS" --backend none -o p.onnxpkg -q > /dev/null
onnx-pack build "$DATA/models/add.onnx" --backend none -o other.onnxpkg -q > /dev/null
onnx-pack verify p.onnxpkg --record measured.json --runs 1 --warmup 0 -q > /dev/null
onnx-pack add p.onnxpkg --evidence measured.json -o with.onnxpkg -q > /dev/null
onnx-pack diff p.onnxpkg with.onnxpkg | sed -E 's/id [0-9a-f]+/id ID/; s/[0-9a-f]{16}\.json/DIGEST.json/' | norm size
onnx-pack add with.onnxpkg --evidence measured.json -o twice.onnxpkg -q > /dev/null
cmp with.onnxpkg twice.onnxpkg && echo "held once"
onnx-pack verify with.onnxpkg --integrity-only -q > /dev/null && echo whole
onnx-pack merge p.onnxpkg with.onnxpkg -o merged.onnxpkg -q > /dev/null
cmp with.onnxpkg merged.onnxpkg && echo "merge keeps it"
onnx-pack add other.onnxpkg --evidence measured.json -o out.onnxpkg
echo "exit $?"
