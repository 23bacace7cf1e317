# Each sample is bad in its own way (tests/data/models/make.py), and nothing is written for any of them.
for sample in text empty truncated ir15 missing-data short-data escape absolute dangling type; do
  onnx-pack build "$DATA/models/bad-$sample.onnx" --backend none -o out.onnxpkg -q
  echo "$sample: $?"
done
ls
