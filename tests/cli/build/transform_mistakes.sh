# needs: python
"$PYTHON" "$SUPPORT/flex_models.py" capped
build() { onnx-pack build "${MODEL:-m.onnx}" -t x86-64-v3 --backend good --backend-path "$SUPPORT/backends" -o m.onnxpkg -q "$@"; }
build --transform x86-64-v3=lower-flex
build --transform x86-64-v3=lower-flex-attention/2
build --transform x86-64-v3=lower-flex-attention:form=other; echo "exit $?"
build --transform x86-64-v3=lower-flex-attention:shape=square
build --transform x86-64-v3=lower-flex-attention:form
build --transform aarch64=lower-flex-attention
build --transform x86-64-v3/encoder=lower-flex-attention
build --transform x86-64-v3@Fast=lower-flex-attention
MODEL="$DATA/models/add.onnx" build --transform x86-64-v3=lower-flex-attention
build --transform lower-flex-attention
ls
