#include "compiled.h"

#include <cstring>
#include <map>
#include <string>

#include "graph.h"

namespace test_ep {

OrtStatus* Compiled::run(OrtKernelContext* context) const {
  if (program.chip != real_chip) return problem("made for chip " + program.chip);
  std::map<std::string, Tensor> values = program.constants;
  for (size_t i = 0; i < program.inputs.size(); ++i) {
    const OrtValue* input = nullptr;
    RETURN_IF(ort->KernelContext_GetInput(context, i, &input));
    if (!program.constants.contains(program.inputs[i]))
      RETURN_IF(read_tensor(input, values[program.inputs[i]]));
  }
  for (const Step& step : program.steps) values[step.output] = compute(step, values);
  for (size_t i = 0; i < program.outputs.size(); ++i) {
    const Tensor& result = values.at(program.outputs[i]);
    OrtValue* output = nullptr;
    RETURN_IF(ort->KernelContext_GetOutput(context, i, result.shape.data(), result.shape.size(),
                                           &output));
    void* data = nullptr;
    RETURN_IF(ort->GetTensorMutableData(output, &data));
    std::memcpy(data, result.values.data(), result.values.size() * sizeof(float));
  }
  return nullptr;
}

}  // namespace test_ep
