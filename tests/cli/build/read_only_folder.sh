# A folder that cannot be written is said at once, and before anything is compiled. (Root may write anywhere: then a file stands where
# the folder should be.)
mkdir locked
chmod 555 locked
if touch locked/probe 2> /dev/null; then rm -rf locked; touch locked; fi
onnx-pack build "$DATA/models/add.onnx" -t x86-64-v3 --backend hang --backend-path "$SUPPORT/backends" -o locked/out.onnxpkg -q 2> message ||
  echo refused
grep -c '^error: cannot create locked/out.onnxpkg: ' message
chmod 755 locked
ls -A
