# --force replaces an output, never what the package is made from: by its name, through a link, or as its data file.
cp "$DATA/models/external.onnx" "$DATA/models/external.bin" .
ln -s external.onnx soft
ln external.bin hard
echo cat > labels.txt
before=$(cat external.onnx external.bin labels.txt | sha256sum)
for output in external.onnx soft external.bin hard labels.txt; do
  onnx-pack build external.onnx --attach labels.txt --backend none -o $output --force -q
  echo "exit $?"
done
[ "$before" = "$(cat external.onnx external.bin labels.txt | sha256sum)" ] && echo unchanged
ls -A
