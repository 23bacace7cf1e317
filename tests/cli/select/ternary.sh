# Slim packages hold ternary weights once, in a form that is kept, whichever that is.
onnx-pack build "$DATA/models/ternary.onnx" --backend ternary --backend-path "$SUPPORT/backends" -t x86-64-v2 -t x86-64-v3 -t x86-64-v4 -o plain.onnxpkg -q > /dev/null
onnx-pack extract plain.onnxpkg --all -o tree -q > /dev/null
onnx-pack repack tree --compact -o compact.onnxpkg -q > /dev/null
check() {
  onnx-pack verify "$1" --integrity-only -q > /dev/null && python3 -B "$SUPPORT/strict_reader.py" "$1" --check | sed 's/, id .*//'
  onnx-pack inspect "$1" | sed -n '/^sizes/,$p' | grep -v -e '^sizes' -e padding -e 'not in this file'
  onnx-pack extract "$1" --all -o "$1.tree" -q > /dev/null
  (cd "$1.tree" && find . -type f ! -name layout.json -exec cmp {} ../tree/{} \;)
}
slim() { echo "-- $1"; onnx-pack select "$2.onnxpkg" -t x86-64-v4 "${@:3}" -o slim.onnxpkg --force -q > /dev/null; rm -rf slim.onnxpkg.tree; check slim.onnxpkg; }
for from in plain compact; do
  slim "$from: u2 and the original" $from --variant x86-64-v4-ternary
  slim "$from: u2 in one piece and the original" $from --variant x86-64-v4-ternary --prefer-mapped
  slim "$from: u2 alone" $from --variant x86-64-v4-ternary --no-fallback
  slim "$from: all forms without the original" $from --prefer-variants --keep 3 --no-fallback
  slim "$from: u2 in one piece, all forms and the original" $from --prefer-variants --keep 3 --prefer-mapped
  slim "$from: the original alone" $from --keep 0
done
