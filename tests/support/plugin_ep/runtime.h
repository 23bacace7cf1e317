// What all parts of the plug-in use of ONNX Runtime.
#pragma once

#include <onnxruntime_c_api.h>

#include <string>

namespace test_ep {

// Set when the runtime asks for factories, before anything else of the plug-in runs.
inline const OrtApi* ort = nullptr;
inline const OrtEpApi* ep_api = nullptr;

constexpr const char* ep_name = "TestExecutionProvider";
constexpr const char* real_chip = "a1";

#define RETURN_IF(expression)                                    \
  do {                                                           \
    if (OrtStatus* status_ = (expression); status_ != nullptr) { \
      return status_;                                            \
    }                                                            \
  } while (false)

inline OrtStatus* problem(const std::string& text) {
  return ort->CreateStatus(ORT_EP_FAIL, text.c_str());
}

}  // namespace test_ep
