# A device: what runs variants is there, no compiler is. That is said, and is no error.
mkdir -p bin libexec/onnx-pack
cp "$(command -v onnx-pack)" bin
cp "$SUPPORT/backends/onnx-pack-backend-runs-only" libexec/onnx-pack
bin/onnx-pack doctor 2> /dev/null > doctor.txt
echo $?
sed -n '/^backends/,/hint/p' doctor.txt
tail -1 doctor.txt
