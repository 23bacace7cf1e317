# needs: python
# transpose/1 for every size of element: both readers give the bytes that the backend made.
mkdir backends && cp "$SUPPORT/backends/common.sh" backends
"$PYTHON" - << 'END'
import numpy, onnx
weights = [numpy.random.default_rng(7).integers(0, 255, (3 * 2**i + 91, 64 >> i, size), "u1").view(kind)[:, :, 0]
           for i, (size, kind) in enumerate(((1, "u1"), (2, "f2"), (4, "i4"), (8, "u8")))]
graph = onnx.helper.make_graph(
    [onnx.helper.make_node("Identity", [f"w{i}"], [f"y{i}"]) for i in range(4)], "g", [],
    [onnx.helper.make_tensor_value_info(f"y{i}", onnx.helper.np_dtype_to_tensor_dtype(w.dtype), w.shape) for i, w in enumerate(weights)],
    [onnx.numpy_helper.from_array(w, f"w{i}") for i, w in enumerate(weights)])
onnx.save(onnx.helper.make_model(graph, ir_version=8, opset_imports=[onnx.helper.make_opsetid("", 17)]), "model.onnx")
open("turned", "wb").write(b"code" + b" and ".join(w.T.tobytes() for w in weights))
END
cat > backends/onnx-pack-backend-turns-weights << END
#!/bin/sh
. "\${0%/*}/common.sh"
cp "$PWD/turned" "\$out/model.bin"
answer model.bin
END
chmod +x backends/onnx-pack-backend-turns-weights
onnx-pack build model.onnx -t x86-64-v3 --backend turns-weights --backend-path backends -o out.onnxpkg -q > /dev/null
unzip -p out.onnxpkg extents/variants/x86-64-v3-turns-weights/model.bin > map
python3 -c 'import struct; print(*("source %d, transformation %d" % r[3:] for r in struct.iter_unpack("<QQQII", open("map", "rb").read()[16:16 + 32 * 8])), sep="\n")'
"$EXAMPLES/read_package.py" out.onnxpkg --member variants/x86-64-v3-turns-weights/model.bin -o found && cmp found turned && echo "the same bytes"
onnx-pack extract out.onnxpkg --variant x86-64-v3-turns-weights -o blobs -q > /dev/null
cmp blobs/variants/x86-64-v3-turns-weights/model.bin turned && echo "the same bytes"
