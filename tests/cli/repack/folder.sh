# The inverse of unzip gives the same bytes; so does the inverse of extract --all, for a package that was whole.
# needs: models
onnx-pack build "$DET" -t x86-64-v3 -t x86-64-v4 --backend keeps-weights --backend-path "$SUPPORT/backends" -o p.onnxpkg -q > /dev/null
onnx-pack select p.onnxpkg -t x86-64-v3 --variant x86-64-v3-keeps-weights --prefer-mapped -o slim.onnxpkg -q > /dev/null
for package in p slim; do
  python3 -m zipfile -e $package.onnxpkg $package-unzipped
  onnx-pack repack $package-unzipped -o again.onnxpkg --force -q > /dev/null
  cmp $package.onnxpkg again.onnxpkg && echo "$package, unzipped: the same bytes"
done
onnx-pack extract p.onnxpkg --all -o p-extracted -q > /dev/null
onnx-pack repack p-extracted -o again.onnxpkg --force -q > /dev/null
cmp p.onnxpkg again.onnxpkg && echo "extracted: the same bytes"
onnx-pack extract slim.onnxpkg --all -o slim-extracted -q > /dev/null
onnx-pack repack slim-extracted -o again.onnxpkg --force -q > /dev/null
onnx-pack verify again.onnxpkg --integrity-only -q > /dev/null && onnx-pack diff slim.onnxpkg again.onnxpkg | sed -E 's/id [0-9a-f]+/id ID/' | norm size
ls -A | grep -c onnxpack-
