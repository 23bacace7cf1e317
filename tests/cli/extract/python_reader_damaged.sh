# What is no canonical zip is refused by a reader written from docs/format.md alone, with a reason. The samples have no manifest, so those that
# are damaged where only a member's own bytes tell would be refused for that; the case python_reader_forged damages real packages there.
reader() { "$EXAMPLES/read_package.py" "$@"; }
for name in central-date central-size-last-larger end-second file-cut-short gap-between name-device overlap zip64-superfluous; do
  cp "$DATA/archive/damaged/$name.zip" .
  reader $name.zip --check; [ $? = 5 ] || echo "not refused: $name"
done
for file in "$DATA"/archive/damaged/*.zip; do
  case $file in */local-* | */content-* | */central-crc*) continue ;; esac
  reader "$file" --check 2> message; [ $? = 5 ] && grep '^error: ' message | grep -qv 'manifest.json or layout.json' || echo "not refused: $file"
done
for file in "$DATA"/package/damaged/ternary-*.onnxpkg; do
  reader "$file" --check 2> message; [ $? = 5 ] && grep -q ' ternary\|its \|ends beyond\|in order' message || echo "not refused: $file"
done
for file in "$DATA"/package/golden/*/*.onnxpkg; do reader "$file" --check > message || echo "refused: $file"; done
