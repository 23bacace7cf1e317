onnx-pack plan "$DATA/models/add.onnx"
onnx-pack plan --fleet "$DATA/target/kiosk.json"
onnx-pack plan --fleet "$DATA/target/kiosk.json" a.onnx b.onnx
mkdir empty && onnx-pack plan --fleet empty "$DATA/models/add.onnx"
mkdir same && cp "$DATA/target/kiosk.json" same && onnx-pack plan --fleet same "$DATA/target/kiosk.json" "$DATA/models/add.onnx"
