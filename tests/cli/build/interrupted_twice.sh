# The second signal leaves at once, whatever the first is still waiting for.
onnx-pack build "$DATA/models/add.onnx" -t x86-64-v3 --backend stubborn --backend-path "$SUPPORT/backends" -o out.onnxpkg -q 2> /dev/null &
pid=$!
sleep 2
kill -INT $pid
kill -INT $pid 2> /dev/null
wait $pid
status=$?
ls
exit $status
