// An operator of the library as ONNX Runtime's record of function pointers. Exceptions stop here:
// the runtime is C on this border.
#pragma once

#include <array>
#include <exception>
#include <new>
#include <span>

#include "ort.h"

namespace onnxpack::ort_ops {

struct Port {
  // UNDEFINED: any type; for a variadic port each argument its own.
  ONNXTensorElementDataType element = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  OrtCustomOpInputOutputCharacteristic kind = INPUT_OUTPUT_REQUIRED;
};

inline OrtStatus* failed(const OrtApi& api, const std::string& message) noexcept {
  return api.CreateStatus(ORT_FAIL, message.c_str());
}

// Calls `body`, which gives a Status, and turns whatever happens into a status of the runtime.
template <typename Body>
OrtStatus* guarded(const OrtApi& api, Body&& body) noexcept {
  try {
    Status status = body();
    return status ? nullptr : failed(api, status.error());
  } catch (const std::bad_alloc&) {
    return api.CreateStatus(ORT_FAIL, "out of memory");
  } catch (const std::exception& error) {
    return api.CreateStatus(ORT_FAIL, error.what());
  } catch (...) {
    return api.CreateStatus(ORT_FAIL, "unknown exception");
  }
}

// Kernel has:
//   static constexpr const char* name;
//   static Result<Kernel> create(const KernelInfo&);
//   Status compute(const KernelContext&);          called from several threads at a time
// `inputs` and `outputs` have static lifetime.
template <typename Kernel>
class CustomOp final : public OrtCustomOp {
 public:
  CustomOp(std::span<const Port> inputs, std::span<const Port> outputs)
      : OrtCustomOp{}, inputs_(inputs), outputs_(outputs) {
    version = api_version;
    GetName = [](const OrtCustomOp*) { return Kernel::name; };
    GetExecutionProviderType = [](const OrtCustomOp*) -> const char* {
      return "CPUExecutionProvider";
    };
    set_ports();
    CreateKernelV2 = [](const OrtCustomOp*, const OrtApi* api, const OrtKernelInfo* info,
                        void** out) -> OrtStatusPtr {
      return guarded(*api, [&]() -> Status {
        auto kernel = Kernel::create(KernelInfo(*api, info));
        if (!kernel) return std::unexpected(std::string(Kernel::name) + ": " + kernel.error());
        *out = new Instance{*api, std::move(*kernel)};
        return {};
      });
    };
    KernelComputeV2 = [](void* state, OrtKernelContext* context) -> OrtStatusPtr {
      auto* instance = static_cast<Instance*>(state);
      return guarded(instance->api, [&] {
        Status status = instance->kernel.compute(KernelContext(instance->api, context));
        if (!status)
          return Status(std::unexpected(std::string(Kernel::name) + ": " + status.error()));
        return status;
      });
    };
    KernelDestroy = [](void* state) { delete static_cast<Instance*>(state); };
    GetStartVersion = [](const OrtCustomOp*) { return 1; };
    GetEndVersion = [](const OrtCustomOp*) { return 1; };
  }

  // Optional: what the runtime knows of the output before it runs.
  void set_shape_inference(OrtStatusPtr(ORT_API_CALL* infer)(const OrtCustomOp*,
                                                             OrtShapeInferContext*)) {
    InferOutputShapeFn = infer;
  }

 private:
  struct Instance {
    const OrtApi& api;
    Kernel kernel;
  };

  static const CustomOp& self(const OrtCustomOp* op) { return *static_cast<const CustomOp*>(op); }

  void set_ports() {
    GetInputTypeCount = [](const OrtCustomOp* op) { return self(op).inputs_.size(); };
    GetInputType = [](const OrtCustomOp* op, std::size_t i) { return self(op).inputs_[i].element; };
    GetInputCharacteristic = [](const OrtCustomOp* op, std::size_t i) {
      return self(op).inputs_[i].kind;
    };
    GetInputMemoryType = [](const OrtCustomOp*, std::size_t) { return OrtMemTypeDefault; };
    GetVariadicInputMinArity = [](const OrtCustomOp*) { return 0; };
    GetVariadicInputHomogeneity = [](const OrtCustomOp*) { return 0; };
    GetOutputTypeCount = [](const OrtCustomOp* op) { return self(op).outputs_.size(); };
    GetOutputType = [](const OrtCustomOp* op, std::size_t i) {
      return self(op).outputs_[i].element;
    };
    GetOutputCharacteristic = [](const OrtCustomOp* op, std::size_t i) {
      return self(op).outputs_[i].kind;
    };
    GetVariadicOutputMinArity = [](const OrtCustomOp*) { return 1; };
    GetVariadicOutputHomogeneity = [](const OrtCustomOp*) { return 1; };
  }

  std::span<const Port> inputs_;
  std::span<const Port> outputs_;
};

}  // namespace onnxpack::ort_ops
