# needs: models
# Maps, layouts and bits that are wrong in a package that is right otherwise: both readers refuse it, with the same exit code.
onnx-pack build "$DET" -t x86-64-v3 --backend keeps-weights --backend-path "$SUPPORT/backends" -o full.onnxpkg -q > /dev/null
python3 -B "$SUPPORT/forge_packages.py" full.onnxpkg
for file in *.onnxpkg; do
  onnx-pack extract "$file" --all -o "$file.expected" -q > /dev/null 2>&1; first=$?
  python3 -B "$SUPPORT/strict_reader.py" "$file" --all -o "$file.found" > /dev/null 2> message; second=$?
  echo "$file: $first, $second$(sed 's/^error: [^:]*\.onnxpkg: /  /' message | norm digest)"
done
