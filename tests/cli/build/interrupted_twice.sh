# The second signal leaves at once, whatever the first is still waiting for.
onnx-pack build "$DATA/models/add.onnx" -t x86-64-v3 --backend stubborn --backend-path "$SUPPORT/backends" -o out.onnxpkg -q 2> /dev/null &
pid=$!
until ls -l /proc/[0-9]*/cwd 2> /dev/null | grep -F -- "-> $TMPDIR/onnx-pack" > /dev/null; do sleep 0.1; done
kill -INT $pid
kill -INT $pid 2> /dev/null
wait $pid
status=$?
ls
exit $status
