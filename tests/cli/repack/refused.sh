# A folder that is not what came out of a package makes none.
onnx-pack build "$DATA/models/external.onnx" --backend none -o p.onnxpkg -q > /dev/null
try() {
  rm -rf folder
  onnx-pack extract p.onnxpkg --all -o folder -q > /dev/null
  eval "$1"
  onnx-pack repack folder -o out.onnxpkg 2>&1 | norm digest
  echo "exit ${PIPESTATUS[0]}"
}
try 'rm folder/components/model/external.bin'
try 'printf x >> folder/components/model/external.bin'
try 'printf x | dd of=folder/components/model/model.onnx bs=1 seek=9 conv=notrunc status=none'
try 'echo note > folder/note.txt'
try 'rm folder/layout.json'
try 'rm -r folder; mkdir folder'
ls -A
