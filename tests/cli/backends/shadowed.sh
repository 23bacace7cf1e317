mkdir mine
cp "$SUPPORT/backends/common.sh" "$SUPPORT/backends/onnx-pack-backend-good" mine/
onnx-pack backends --backend-path mine --backend-path "$SUPPORT/backends" | grep -A3 '^good ' | tr -s ' '
