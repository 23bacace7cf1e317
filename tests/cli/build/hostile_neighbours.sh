# Nine hostile compilers and an honest one in one build: no good variant is lost, nobody outlives the build, the report says of each what it did.
hostile="segfault hang garbage flood-forever escapes future lying-digest half-written leaves-daemon"
flags=$(for name in $hostile good; do printf -- '--backend %s ' "$name"; done)
ONNX_PACK_MARK=$$ onnx-pack build "$DATA/models/add.onnx" -t x86-64-v3 -t aarch64 $flags --backend-path "$SUPPORT/backends" --jobs 4 \
  --heartbeat-timeout 3s -o out.onnxpkg -q 2> err.txt > out.txt
echo "exit $?"
norm time size < out.txt | tr -s ' '
cat err.txt
sleep 1
grep -laz "ONNX_PACK_MARK=$$" /proc/[0-9]*/environ 2>/dev/null | wc -l
onnx-pack inspect out.onnxpkg -q | grep -c '^    needs'
onnx-pack verify out.onnxpkg --integrity-only -q | tail -1
ls
