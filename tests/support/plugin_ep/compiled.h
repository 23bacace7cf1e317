// A program that the runtime may run: what Compile makes of a fused node.
#pragma once

#include <utility>

#include "program.h"
#include "runtime.h"

namespace test_ep {

struct Compiled : OrtNodeComputeInfo {
  Program program;

  explicit Compiled(Program of) : OrtNodeComputeInfo{}, program(std::move(of)) {
    ort_version_supported = ORT_API_VERSION;
    CreateState = [](OrtNodeComputeInfo* self, OrtNodeComputeContext*,
                     void** state) noexcept -> OrtStatus* {
      *state = self;
      return nullptr;
    };
    Compute = [](OrtNodeComputeInfo* self, void*, OrtKernelContext* context) noexcept {
      return static_cast<Compiled*>(self)->run(context);
    };
    ReleaseState = [](OrtNodeComputeInfo*, void*) noexcept {};
  }

  OrtStatus* run(OrtKernelContext* context) const;
};

}  // namespace test_ep
