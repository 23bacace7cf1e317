# What would mix two base models, or say two things under one name, is refused; nothing is written.
build() { onnx-pack build "$@" --backend-path "$SUPPORT/backends" -q > /dev/null; }
build "$DATA/models/external.onnx" --backend good -t x86-64-v3 -o a.onnxpkg
build "$DATA/models/add.onnx" --backend good -t x86-64-v4 -o other.onnxpkg
build "$DATA/models/add.onnx" --backend good -t x86-64-v4 --package-name external -o other_name.onnxpkg
cp "$DATA/models/external.onnx" .
tr '\000-\377' '\001-\377\000' < "$DATA/models/external.bin" > external.bin
build external.onnx --backend good -t x86-64-v4 -o weights.onnxpkg
build "$DATA/models/external.onnx" --backend good -t x86-64-v4 --package-version 2 -o version.onnxpkg
build --component encoder="$DATA/models/external.onnx" --backend good -t x86-64-v4 --package-name external -o component.onnxpkg
echo one > label.txt
build "$DATA/models/external.onnx" --backend good -t x86-64-v3 --attach label.txt -o label1.onnxpkg
echo two > label.txt
build "$DATA/models/external.onnx" --backend good -t x86-64-v3 --attach label.txt -o label2.onnxpkg
sed 's/printf blob/printf other/' "$SUPPORT/backends/onnx-pack-backend-good" > onnx-pack-backend-good
cp "$SUPPORT/backends/common.sh" .
chmod +x onnx-pack-backend-good
onnx-pack build "$DATA/models/external.onnx" --backend good -t x86-64-v3 --backend-path . -q -o blob.onnxpkg > /dev/null
for second in other other_name weights version component blob; do
  onnx-pack merge a.onnxpkg $second.onnxpkg -o out.onnxpkg
  echo "$second: exit $?"
done
onnx-pack merge label1.onnxpkg label2.onnxpkg -o out.onnxpkg
echo "label: exit $?"
ls *.onnxpkg | grep -c out
