"""The door: verb and file names in, exit code out (docs/backend-protocol.md).

`stage NAME ...` is how the backend calls itself for work that wants IREE in the process, so that its crashes are answers
here and its memory is gone before the compiler starts.
"""

import os
import sys

from onnxpack_iree import protocol, stages, verbs

if __name__ == "__main__":
    arguments = sys.argv[1:]
    if arguments[:1] == ["stage"]:
        code = stages.main(arguments[1:])
        sys.stdout.flush()
        sys.stderr.flush()
        # The answer is written. Without Python's tidying up: IREE's worker threads may still run while their pool is taken
        # down, and then the process aborts ("terminate called without an active exception", one run in ten on a busy machine).
        os._exit(code)
    sys.exit(protocol.serve(arguments, verbs.TABLE))
