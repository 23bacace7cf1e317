# A target is compiled from the model with its ternary weights as codes, once in each form that is asked for, and from nothing else.
build() { onnx-pack build "$DATA/models/ternary.onnx" -t x86-64-v3 --backend good --backend-path "$SUPPORT/backends" "$@" -q 2>&1; }
build --ternarize x86-64-v3=standard --ternarize x86-64-v3@any=portable -o p.onnxpkg | grep -v ^schedule | norm | tr -s ' '
onnx-pack inspect p.onnxpkg --variant x86-64-v3-good-any | grep -e '^precision' -e '^by'
onnx-pack verify p.onnxpkg -q 2>&1 | grep -e '^ *weights' | tr -s ' '
echo "-- operators, of a backend that does not take them"
build --ternarize x86-64-v3 -o no.onnxpkg | norm | tr -s ' '
echo "-- the transformation with its parameters"
build --transform x86-64-v3=ternarize:form=portable,negative_zero=as_zero --dry-run -o no.onnxpkg | norm | tr -s ' '
echo "-- mistakes"; rm no.onnxpkg
build --ternarize x86-64-v3=t6 -o no.onnxpkg
build --ternarize aarch64=t5r -o no.onnxpkg
build --transform x86-64-v3=ternarize:form=portable,encoding=u2 -o no.onnxpkg
build --transform x86-64-v3=ternarize:form=standard,activations=float32 -o no.onnxpkg
build --ternarize x86-64-v3=u2 --ternarize x86-64-v3=u2 -o no.onnxpkg
onnx-pack build "$DATA/models/external.onnx" -t x86-64-v3 --backend good --backend-path "$SUPPORT/backends" --ternarize x86-64-v3 -o no.onnxpkg -q
ls
