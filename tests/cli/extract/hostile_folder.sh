# Links below the output are not followed: a folder that leads elsewhere is refused, a file that does is replaced.
onnx-pack build "$DATA/models/add.onnx" --backend none -o p.onnxpkg -q > /dev/null
mkdir -p elsewhere/model out
echo precious > elsewhere/manifest.json
ln -s ../elsewhere out/components
onnx-pack extract p.onnxpkg --all -o out --force -q
echo "exit $?"
ls -A elsewhere elsewhere/model
rm -r out
mkdir out
ln -s ../elsewhere/manifest.json out/manifest.json
onnx-pack extract p.onnxpkg --all -o out --force -q > /dev/null
echo "exit $?"
cat elsewhere/manifest.json
[ -L out/manifest.json ] || echo "a file of its own"
