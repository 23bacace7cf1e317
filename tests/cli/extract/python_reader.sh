# needs: models
# A reader written from docs/format.md alone gives the same bytes as extract --all, however a package holds them.
reader() { "$EXAMPLES/read_package.py" "$@"; }
strict() { python3 -B "$SUPPORT/strict_reader.py" "$@"; }
same() {
  echo "-- $1"
  reader "$1" | awk 'NR > 1 {print $2, $4}'
  reader "$1" --check > checked && strict "$1" --check | cmp - checked && sed 's/, id .*//' checked
  onnx-pack extract "$1" --all -o "$1.expected" -q > /dev/null
  reader "$1" --all -o "$1.found" && diff -r -x layout.json "$1.expected" "$1.found" && echo "$(find "$1.found" -type f | wc -l) files, equal"
}
slim() { onnx-pack select full.onnxpkg --target x86-64-v3 --variant "$blob" "${@:2}" -o "$1" -q > /dev/null && same "$1"; }
blob=x86-64-v3-keeps-weights
onnx-pack build "$DET" --backend none -o alone.onnxpkg -q > /dev/null; same alone.onnxpkg
onnx-pack build "$DET" -t x86-64-v3 -t x86-64-v4 --backend keeps-weights --backend-path "$SUPPORT/backends" -o full.onnxpkg -q > /dev/null
same full.onnxpkg
slim slim.onnxpkg
slim no-fallback.onnxpkg --no-fallback
slim mapped.onnxpkg --prefer-mapped
echo "-- one member, and what is refused"
reader full.onnxpkg --member variants/$blob/model.bin -o blob && cmp blob full.onnxpkg.expected/variants/$blob/model.bin && echo equal
reader full.onnxpkg --member variants/$blob/model.bin -o blob; echo "exit $?"
reader full.onnxpkg --member variants/none -o none; echo "exit $?"
reader mapped.onnxpkg --member variants/x86-64-v4-keeps-weights/model.bin -o none 2>&1 | norm digest
reader missing.onnxpkg --check; echo "exit $?"
