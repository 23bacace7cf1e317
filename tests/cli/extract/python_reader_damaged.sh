# What is no canonical zip is refused by a reader written from docs/format.md alone, with a reason. The samples have no manifest, so those that
# are damaged where only a member's own bytes tell would be refused for that; the case python_reader_forged damages real packages there.
reader() { python3 -B "$SUPPORT/strict_reader.py" "$@"; }
for name in central-date central-size-last-larger end-second file-cut-short gap-between name-device overlap zip64-superfluous; do
  cp "$DATA/archive/damaged/$name.zip" .
  reader $name.zip --check; [ $? = 5 ] || echo "not refused: $name"
done
for file in "$DATA"/archive/damaged/*.zip; do
  case $file in */local-* | */content-* | */central-crc*) continue ;; esac
  reader "$file" --check 2> message; [ $? = 5 ] && grep '^error: ' message | grep -qv 'is not of the documented form' || echo "not refused: $file"
done
for file in "$DATA"/package/damaged/ternary-*.onnxpkg; do
  reader "$file" --check 2> message; [ $? = 5 ] && grep -q ' ternary\|its \|ends beyond\|in order' message || echo "not refused: $file"
done
# What is right is taken, and comes out the same by the short reader.
for file in "$DATA"/package/golden/*/*.onnxpkg; do
  name=${file##*/}
  reader "$file" --check > /dev/null && onnx-pack extract "$file" --all -o "$name.expected" -q > /dev/null || echo "refused: $file"
  "$EXAMPLES/read_package.py" "$file" --all -o "$name.found" && diff -r -x layout.json "$name.expected" "$name.found" || echo "differs: $file"
done
