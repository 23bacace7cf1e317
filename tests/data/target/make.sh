#!/bin/sh
# phone.json is a built-in profile as the program writes it: onnx-pack targets show qualcomm-sm8650 > phone.json
# ONNXPACK_REWRITE=1 unit_target does the same. kiosk.json is written by hand, as a user would.
exec env ONNXPACK_REWRITE=1 "${1:?usage: make.sh PATH/TO/unit_target}"
