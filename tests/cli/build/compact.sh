# Exactly ternary weights are held as their 10:8 codes: as those of a blob that has them, or as codes of their own. Everything comes back byte for byte.
pack() { onnx-pack build "$DATA/models/ternary.onnx" --backend ternary --backend-path "$SUPPORT/backends" -q "$@" > /dev/null; }
all=(-t aarch64 -t x86-64-v2 -t x86-64-v3 -t x86-64-v4)
pack "${all[@]}" -o plain.onnxpkg
onnx-pack extract plain.onnxpkg --all -o tree -q > /dev/null
check() {
  onnx-pack verify "$1" --integrity-only -q > /dev/null && python3 -B "$SUPPORT/strict_reader.py" "$1" --check | sed 's/, id .*//'
  onnx-pack inspect "$1" | sed -n '/^unzip/p; /^  component/p; /^  variant.*B$/p'
  onnx-pack extract "$1" --all -o "$1.tree" -q > /dev/null
  (cd "$1.tree" && find . -type f ! -name layout.json -exec cmp {} ../tree/{} \;)
}
echo "-- plain"; check plain.onnxpkg
echo "-- compact"; pack "${all[@]}" --compact -o compact.onnxpkg; check compact.onnxpkg
onnx-pack extract compact.onnxpkg --original -o original -q > /dev/null && cmp original/ternary.onnx "$DATA/models/ternary.onnx" && cmp original/ternary.bin "$DATA/models/ternary.bin" && echo "same original"
[ "$(onnx-pack inspect plain.onnxpkg --json | grep '"id"')" = "$(onnx-pack inspect compact.onnxpkg --json | grep '"id"')" ] && echo "same id"
onnx-pack inspect compact.onnxpkg --json | grep stands_as_files
echo "-- no blob has 10:8"; pack -t x86-64-v4 --compact -o u2.onnxpkg; onnx-pack inspect u2.onnxpkg | sed -n '/^  component/p; /^  variant.*B$/p'
echo "-- the model alone"; onnx-pack build "$DATA/models/ternary.onnx" --backend none --compact -o alone.onnxpkg -q > /dev/null; onnx-pack inspect alone.onnxpkg | sed -n '/^unzip/p; /^  component/p'
echo "-- nothing ternary"; onnx-pack build "$DATA/models/external.onnx" --backend none -o a.onnxpkg -q > /dev/null; onnx-pack build "$DATA/models/external.onnx" --backend none --compact -o b.onnxpkg -q > /dev/null; cmp a.onnxpkg b.onnxpkg && echo "the same bytes"
echo "-- edits keep it compact"
pack "${all[@]:0:6}" --compact -o three.onnxpkg
onnx-pack remove compact.onnxpkg x86-64-v4-ternary -o removed.onnxpkg -q > /dev/null; cmp three.onnxpkg removed.onnxpkg && echo "remove: what a build gives"
pack -t x86-64-v4 --compact -o fourth.onnxpkg
onnx-pack merge three.onnxpkg fourth.onnxpkg -o merged.onnxpkg -q > /dev/null; cmp compact.onnxpkg merged.onnxpkg && echo "merge: what a build gives"
python3 -m zipfile -e compact.onnxpkg unzipped; onnx-pack repack unzipped -o repacked.onnxpkg -q > /dev/null; cmp compact.onnxpkg repacked.onnxpkg && echo "repack of unzip: the same"
onnx-pack repack plain.onnxpkg.tree -o spread.onnxpkg -q > /dev/null; cmp plain.onnxpkg spread.onnxpkg && echo "repack of extract: the plain one"
onnx-pack repack plain.onnxpkg.tree --compact -o squeezed.onnxpkg -q > /dev/null; cmp compact.onnxpkg squeezed.onnxpkg && echo "repack --compact: the compact one"
