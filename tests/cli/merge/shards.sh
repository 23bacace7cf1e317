# Shards of a CI matrix become the package that one build of all targets gives, byte for byte, in whatever order.
build() { onnx-pack build "$DATA/models/external.onnx" --backend good --backend-path "$SUPPORT/backends" -q "$@" > /dev/null; }
build -t x86-64-v3 -o a.onnxpkg
build -t x86-64-v4 -o b.onnxpkg
build -t aarch64 -o c.onnxpkg
build -t x86-64-v3 -t x86-64-v4 -t aarch64 -o whole.onnxpkg
onnx-pack merge b.onnxpkg c.onnxpkg a.onnxpkg -o merged.onnxpkg
for order in "a b c" "c b a" "b a c a"; do
  onnx-pack merge $(printf '%s.onnxpkg ' $order) -o merged.onnxpkg --force -q > /dev/null
  cmp whole.onnxpkg merged.onnxpkg && echo "$order: the same bytes"
done
TZ=Asia/Tokyo LC_ALL=C.UTF-8 onnx-pack merge a.onnxpkg b.onnxpkg -o ab.onnxpkg -q > /dev/null
(umask 077; cd /; onnx-pack merge "$OLDPWD/c.onnxpkg" "$OLDPWD/ab.onnxpkg" -o "$OLDPWD/merged.onnxpkg" --force -q > /dev/null)
cmp whole.onnxpkg merged.onnxpkg && echo "in two steps, elsewhere: the same bytes"
onnx-pack verify merged.onnxpkg --integrity-only -q > /dev/null && echo whole
