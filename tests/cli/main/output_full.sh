# What was printed and did not arrive is a failure.
onnx-pack version > /dev/full
