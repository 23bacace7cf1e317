# Machines differ; that it ends in a summary, and that one usable backend is enough, do not.
mkdir mine
cp "$SUPPORT/backends/common.sh" "$SUPPORT/backends/onnx-pack-backend-good" mine/
onnx-pack doctor --backend-path mine 2> /dev/null | grep -E '^(this machine|backends|folders|good |ready: )' |
  sed 's/ready: .*/ready/; s/  */ /g'
echo "${PIPESTATUS[0]}"
onnx-pack doctor --backend-path mine --json 2> /dev/null | grep -E '^  "(document|ok)":'
