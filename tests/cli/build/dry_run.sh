onnx-pack build "$DATA/models/add.onnx" -t x86-64-v3 --backend good --backend-path "$SUPPORT/backends" --dry-run -q | norm time | tr -s ' '
ls
