# The model's own weights are codes: other forms of them, which blobs have, are made of these.
onnx-pack ternarize "$DATA/models/ternary.onnx" -o t5r.onnx -q > /dev/null 2>&1
onnx-pack ternarize "$DATA/models/ternary.onnx" --encoding u2 -o u2.onnx -q > /dev/null 2>&1
onnx-pack build t5r.onnx --backend none -o t5r.onnxpkg -q > /dev/null 2>&1
onnx-pack add t5r.onnxpkg --blob u2.weights -t x86-64-v3 --backend b --ep E -o both.onnxpkg -q > /dev/null
onnx-pack inspect both.onnxpkg | grep -e '^  component' -e '^  variant'
onnx-pack verify both.onnxpkg --integrity-only -q > /dev/null && python3 -B "$SUPPORT/strict_reader.py" both.onnxpkg --check | sed 's/, id .*//'
onnx-pack extract both.onnxpkg --variant x86-64-v3-b -o out -q > /dev/null && cmp u2.weights out/variants/x86-64-v3-b/u2.weights && echo "same blob"
python3 - <<'PY'
import struct, zipfile
with zipfile.ZipFile("both.onnxpkg") as package:
    data = package.read("extents/variants/x86-64-v3-b/u2.weights")
records = list(struct.iter_unpack("<QQQII", data[16:16 + 32 * int.from_bytes(data[8:16], "little")]))
print("extents of ternary/1:", [size for size, _, _, _, transformation in records if transformation == 2], "literal:", sum(r[0] for r in records if r[3:] == (0, 0)))
PY
