# A backend may know it: a warning and a package.
normed time -- onnx-pack build "$DATA/models/custom.onnx" --backend none -o out.onnxpkg
ls
