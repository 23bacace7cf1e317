# Broken ones are listed as such, each with its reason.
onnx-pack backends --backend-path "$SUPPORT/backends" |
  grep -A1 -E "^(good|cannot-describe|misnamed|runs-only|unavailable) " | tr -s " "
