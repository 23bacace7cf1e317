# Several builds with one output: without --force one wins and the others say so; with it the last one wins. Whoever wins, the
# package is whole and nothing lies beside it.
mkdir out
builds() {
  local i pid pids=()
  for i in 1 2 3 4 5 6; do
    echo $i > label$i.txt
    onnx-pack build "$DATA/models/add.onnx" --backend none --attach label$i.txt -o out/p.onnxpkg -q "$@" > /dev/null 2>> messages &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do
    wait "$pid"
    echo $? >> codes
  done
  sort codes | uniq -c | tr -s ' '
  rm codes
  onnx-pack verify out/p.onnxpkg --integrity-only -q > /dev/null && echo whole
  ls -A out
}
builds --force
sort -u messages
rm out/*
builds
grep -v "hint:" messages | grep -v "exists" | sort -u
