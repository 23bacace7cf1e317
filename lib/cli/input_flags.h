// The flags that say what a model is run with; verify and bench take them.
#pragma once

#include "flags.h"
#include "onnxpack/package/verify.h"

namespace onnxpack::cli {

// Under a heading of their own. `inputs` outlives the flags.
void declare_input_flags(Flags& flags, package::InputSource& inputs);

}  // namespace onnxpack::cli
