# needs: models onnxruntime
# Variants that compute what the original does pass; figures are left to tests/unit/tensor and verify/sabotage.
onnx-pack build "$CLS" -t x86-64-v3 --backend onnxruntime -o cls.onnxpkg -q > build.txt || cat build.txt
onnx-pack verify cls.onnxpkg -q --input-shape x:1,3,48,192 --runs 1 --record evidence.json --require-verified > verify.txt
echo $?
sed -n '/^equivalence/p; s/^  \(.*\(reference\|passed\|FAILED\|NOT RUN\)\).*/\1/p' verify.txt | sed -n '/^equivalence/,$p' | tr -s ' '
onnx-pack select cls.onnxpkg --target host --evidence evidence.json --dry-run -q | grep -c "nobody measured"
true
