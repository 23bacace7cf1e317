// Input shapes fixed by the user: --free-dimension-override NAME=N and --input-shape
// INPUT:1,3,48,192.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "onnxpack/base/error.h"
#include "onnxpack/model/model_file.h"

namespace onnxpack::model {

struct DimensionOverride {
  std::string name;
  std::int64_t size = 0;
};
struct InputShape {
  std::string input;
  std::vector<std::int64_t> dims;
};
struct ShapeRequest {
  std::vector<DimensionOverride> dimensions;
  std::vector<InputShape> inputs;
  bool empty() const { return dimensions.empty() && inputs.empty(); }
};

// "NAME=N": the last '=' separates. Errors: invalid_argument.
Result<DimensionOverride> parse_dimension_override(std::string_view text);
// "INPUT:1,3,48,192": the last ':' separates, since input names hold colons ("x:0:1,3"). "INPUT:"
// is a scalar. Errors: invalid_argument.
Result<InputShape> parse_input_shape(std::string_view text);

struct EffectiveSignature {
  std::vector<ValueInfo> inputs;              // model.inputs() with sizes filled in
  std::map<std::string, std::int64_t> bound;  // names of dimensions that got one size
  std::vector<std::string> free;              // what is still open: "x[0] (batch)", "x[2]"
  bool is_static() const { return free.empty(); }
};

// Every dimension of the name gets the size; an input's own shape wins nothing over it: two
// different sizes for one dimension are an error. A name that --input-shape gives one size is bound
// everywhere; one that it gives two (exporters that call every free dimension '?') is bound nowhere
// else. Errors: invalid_argument: unknown input or dimension name (with a suggestion and the list),
// wrong rank, a size that contradicts the model or another option, an input that is no tensor or
// has no rank to fill.
Result<EffectiveSignature> effective_signature(const ModelFile& model, const ShapeRequest& request);

}  // namespace onnxpack::model
