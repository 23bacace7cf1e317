# Ctrl-C while a compiler hangs: it dies with everything that it started, and nothing is left.
timeout --preserve-status -s INT 2 \
  onnx-pack build "$DATA/models/add.onnx" -t x86-64-v3 --backend hang --backend-path "$SUPPORT/backends" -o out.onnxpkg -q
status=$?
ls
# Compilers work in the build's scratch folder, which is this case's alone.
ls -l /proc/[0-9]*/cwd 2> /dev/null | grep -F -- "-> $TMPDIR/onnx-pack" > /dev/null && echo "a compiler is left"
exit $status
