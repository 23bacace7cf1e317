// What a blob says: constants, then operators in order. As text, a line each:
//   chip NAME / constant NAME RANK SIZE... ELEMENT... / step OPERATOR OUTPUT INPUT...
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace test_ep {

struct Tensor {
  std::vector<int64_t> shape;
  std::vector<float> values;
};

struct Step {
  std::string op;
  std::vector<std::string> inputs;
  std::string output;
};
struct Program {
  std::string chip;
  std::map<std::string, Tensor> constants;
  std::vector<Step> steps;
  std::vector<std::string> inputs;  // of the fused node, in order
  std::vector<std::string> outputs;
};

// Without `inputs` and `outputs`.
std::string to_text(const Program& program);
Program from_text(const std::string& text);

// Requires: `values` has the step's inputs.
Tensor compute(const Step& step, const std::map<std::string, Tensor>& values);

}  // namespace test_ep
