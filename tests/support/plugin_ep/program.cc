#include "program.h"

#include <algorithm>
#include <sstream>

namespace test_ep {

std::string to_text(const Program& program) {
  std::ostringstream out;
  out.precision(9);
  out << "chip " << program.chip << '\n';
  for (const auto& [name, value] : program.constants) {
    out << "constant " << name << ' ' << value.shape.size();
    for (const int64_t size : value.shape) out << ' ' << size;
    for (const float element : value.values) out << ' ' << element;
    out << '\n';
  }
  for (const Step& step : program.steps) {
    out << "step " << step.op << ' ' << step.output;
    for (const std::string& input : step.inputs) out << ' ' << input;
    out << '\n';
  }
  return out.str();
}

namespace {

Tensor read_constant(std::istringstream& words) {
  Tensor out;
  size_t rank = 0;
  words >> rank;
  out.shape.resize(rank);
  for (int64_t& size : out.shape) words >> size;
  for (float element = 0; words >> element;) out.values.push_back(element);
  return out;
}

}  // namespace

Program from_text(const std::string& text) {
  Program out;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string kind;
    std::string name;
    words >> kind >> name;
    if (kind == "chip") out.chip = name;
    if (kind == "constant") out.constants[name] = read_constant(words);
    if (kind != "step") continue;
    Step& step = out.steps.emplace_back();
    step.op = name;
    words >> step.output;
    for (std::string input; words >> input;) step.inputs.push_back(input);
  }
  return out;
}

Tensor compute(const Step& step, const std::map<std::string, Tensor>& values) {
  const Tensor& first = values.at(step.inputs.at(0));
  Tensor out = first;
  if (step.op == "Relu") {
    for (float& value : out.values) value = std::max(value, 0.0F);
    return out;
  }
  const Tensor& second = values.at(step.inputs.at(1));
  if (second.values.size() > out.values.size()) out = second;
  for (size_t i = 0; i < out.values.size(); ++i)
    out.values[i] = first.values[i % first.values.size()] + second.values[i % second.values.size()];
  return out;
}

}  // namespace test_ep
