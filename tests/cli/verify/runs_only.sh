# needs: onnxruntime
# On a device the compiler is missing: what it compiled elsewhere is handed to the runtime all the same (here one that says no).
onnx-pack build "$DATA/models/add.onnx" -t x86-64-v3 --backend good --backend-path "$SUPPORT/backends" -o add.onnxpkg -q > build.txt || cat build.txt
mkdir device
cat > device/onnx-pack-backend-good <<'END'
#!/bin/sh
case $1 in
  describe) cat > "$3" <<ANSWER
{"status": "ok", "protocol": {"min": "1.0", "max": "1.0"}, "name": "good", "verbs": ["describe", "compile", "run"],
 "compiles": false, "reason": "the compiler is missing", "serves": [{"family": "everything"}]}
ANSWER
  ;;
  *) echo "{\"status\": \"refused\", \"reason\": \"the runtime was asked to $1\"}" > "$3" ;;
esac
END
chmod +x device/onnx-pack-backend-good
onnx-pack verify add.onnxpkg -q --backend-path device --runs 1 > verify.txt
echo $?
grep -A1 "x86-64-v3-good *NOT RUN" verify.txt | tr -s ' '
onnx-pack build "$DATA/models/add.onnx" -t x86-64-v3 --backend good --backend-path device --allow-missing x86-64-v3 -o none.onnxpkg -q | grep -A1 refused | tr -s ' '
