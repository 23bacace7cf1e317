# needs: models onnxruntime
# ONNX Runtime itself is asked by GetModelCompatibilityForEpDevices: its CPU provider has no opinion on any text, and a rule's answer that differs would show.
onnx-pack build "$CLS" -t x86-64-v2 --backend onnxruntime -o m.onnxpkg -q > out.txt || cat out.txt
onnx-pack select m.onnxpkg -t host --check-runtime --dry-run -q | sed '/^$/q'
