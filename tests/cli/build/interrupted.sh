# Ctrl-C while a compiler hangs: it dies with everything that it started, and nothing is left.
# Compilers work in the build's scratch folder, which is this case's alone.
compiling() { ls -l /proc/[0-9]*/cwd 2> /dev/null | grep -F -- "-> $TMPDIR/onnx-pack" > /dev/null; }
onnx-pack build "$DATA/models/add.onnx" -t x86-64-v3 --backend hang --backend-path "$SUPPORT/backends" -o out.onnxpkg -q &
pid=$!
until compiling; do sleep 0.1; done
kill -INT $pid
wait $pid
status=$?
ls
compiling && echo "a compiler is left"
exit $status
