#include "input_flags.h"

#include "onnxpack/model/signature.h"
#include "values.h"

namespace onnxpack::cli {

void declare_input_flags(Flags& flags, package::InputSource& inputs) {
  flags.heading("Inputs; generated from the signature where none are given");
  flags.each("--input", "NAME=FILE.npy", "a value of an input; may be repeated",
             [&inputs](const std::string& text) -> Status {
               ONNXPACK_TRY(auto pair, parse_pair(text, "NAME=FILE.npy"));
               inputs.files[pair.first] = pair.second;
               return {};
             });
  flags.each("--test-data", "FOLDER", "an ONNX test_data_set folder; may be repeated",
             [&inputs](const std::string& folder) -> Status {
               inputs.test_data_sets.emplace_back(folder);
               return {};
             });
  flags.each("--input-range", "NAME=LO:HI", "bounds of a generated input",
             [&inputs](const std::string& text) -> Status {
               ONNXPACK_TRY(auto pair, parse_pair(text, "NAME=LO:HI"));
               ONNXPACK_TRY(inputs.ranges[pair.first], parse_range(pair.second));
               return {};
             });
  flags.each("--input-shape", "INPUT:1,3,48,192", "the shape of a generated input",
             [&inputs](const std::string& text) -> Status {
               ONNXPACK_TRY(auto shape, model::parse_input_shape(text));
               inputs.shapes[shape.input] = shape.dims;
               return {};
             });
  flags.number("--seed", "N", "of generated inputs (default 1)", inputs.seed);
}

}  // namespace onnxpack::cli
