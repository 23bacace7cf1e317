for name in goood good,hang; do
  onnx-pack build "$DATA/models/add.onnx" --target x86-64-v3 --backend $name --backend-path "$SUPPORT/backends" -o out.onnxpkg -q 2>&1 |
    sed 's/there are .*/there are .../'
done
ls
