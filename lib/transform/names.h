// Names for the values that a pass makes.
#pragma once

#include <functional>
#include <set>
#include <string>

#include "onnxpack/base/error.h"
#include "onnxpack/model/model_file.h"

namespace onnxpack::transform {

// Calls `use` for the name of every value of the main graph and of its bodies; of functions none,
// whose values are their own. Errors: corrupt, io. Cost: facts alone, unless there are bodies.
Status for_each_value(const model::ModelFile& model,
                      const std::function<void(const std::string&)>& use);

// `stem`, or that with the least number behind it, such that no value's name begins with it and a
// dot. Errors: as above.
Result<std::string> free_stem(const model::ModelFile& model, const std::string& stem);

// What may stand between one of `stems` and a word without dots, and between that and another, so
// that no name of `taken` is made: ".", ".2.", ".3.", ...
std::string free_mark(const std::set<std::string>& stems, const std::set<std::string>& taken);

}  // namespace onnxpack::transform
