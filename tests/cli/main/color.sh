# NO_COLOR stands in the environment of every case; the flag beats it.
onnx-pack inspect "$DATA/models/add.onnx" --color always | head -1 | cat -v
onnx-pack inspect "$DATA/models/add.onnx" | head -1 | cat -v
