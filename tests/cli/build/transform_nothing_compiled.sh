# A transformation is tried also when nothing is compiled afterwards, and what it makes lies in no folder of the user's.
onnx-pack build "$DATA/models/add.onnx" -t x86-64-v3 --backend none --transform x86-64-v3=lower-flex-attention/1:form=expanded -o p.onnxpkg -q 2>&1 |
  sed "s#$DATA#DATA#"
cp "$DATA/models/ternary.onnx" "$DATA/models/ternary.bin" .
onnx-pack build ternary.onnx -t x86-64-v3 --backend none --ternarize x86-64-v3=t5r -o p.onnxpkg -q > /dev/null
echo "exit $?"
ls -A
