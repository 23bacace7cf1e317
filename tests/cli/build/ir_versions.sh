# From IR 3 to 14, control flow included: packed, and given back byte for byte.
for name in ir3 ir7 ir10 ir14 if; do
  onnx-pack build "$DATA/models/$name.onnx" --backend none -o $name.onnxpkg -q > /dev/null || echo "$name: $?"
  onnx-pack extract $name.onnxpkg --original -o back-$name -q > /dev/null
  cmp "$DATA/models/$name.onnx" back-$name/$name.onnx && echo "$name: same"
done
