"""The door: verb and file names in, exit code out (docs/backend-protocol.md).

`stage NAME ...` is how the backend calls itself for work that wants IREE in the process, so that its crashes are answers
here and its memory is gone before the compiler starts.
"""

import sys

from onnxpack_iree import protocol, stages, verbs

if __name__ == "__main__":
    arguments = sys.argv[1:]
    if arguments[:1] == ["stage"]:
        sys.exit(stages.main(arguments[1:]))
    sys.exit(protocol.serve(arguments, verbs.TABLE))
