// A plug-in execution provider for tests. It compiles Add and Relu on floats, for chips that do not
// exist, into blobs that are a few lines of text; and it runs those for chip a1, on the CPU.
//
// Registered plainly it offers the device chip=a1. Under a name that ends in ".virtual", ONNX
// Runtime's sign that devices are wanted which are not here, it also offers b2 and c3, those first.
// Provider option "operators" ("Add,Relu") says what it takes.
#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "provider.h"
#include "runtime.h"

namespace test_ep {
namespace {

struct Factory : OrtEpFactory {
  bool offers_virtual_devices;

  explicit Factory(bool offers) : OrtEpFactory{}, offers_virtual_devices(offers) {
    ort_version_supported = ORT_API_VERSION;
    GetName = [](const OrtEpFactory*) noexcept { return ep_name; };
    GetVendor = [](const OrtEpFactory*) noexcept { return "onnx-pack tests"; };
    GetVendorId = [](const OrtEpFactory*) noexcept { return uint32_t{0xffff}; };
    GetVersion = [](const OrtEpFactory*) noexcept { return "1.2.3"; };
    GetSupportedDevices = [](OrtEpFactory* self, const OrtHardwareDevice* const* devices,
                             size_t count, OrtEpDevice** out, size_t most, size_t* found) noexcept {
      return static_cast<Factory*>(self)->offer(devices, count, out, most, found);
    };
    CreateEp = [](OrtEpFactory*, const OrtHardwareDevice* const*,
                  const OrtKeyValuePairs* const* metadata, size_t count,
                  const OrtSessionOptions* options, const OrtLogger*,
                  OrtEp** out) noexcept -> OrtStatus* {
      if (count != 1) return problem("one device, please");
      const char* chip = ort->GetKeyValue(metadata[0], "chip");
      *out = std::make_unique<Provider>(options, chip == nullptr ? "" : chip).release();
      return nullptr;
    };
    ReleaseEp = [](OrtEpFactory*, OrtEp* ep) noexcept { delete static_cast<Provider*>(ep); };
    ValidateCompiledModelCompatibilityInfo =
        [](OrtEpFactory*, const OrtHardwareDevice* const*, size_t, const char* text,
           OrtCompiledModelCompatibility* verdict) noexcept -> OrtStatus* {
      const std::string ours = std::string("test-ep/1;chip=") + real_chip;
      *verdict = text == ours ? OrtCompiledModelCompatibility_EP_SUPPORTED_OPTIMAL
                              : OrtCompiledModelCompatibility_EP_UNSUPPORTED;
      return nullptr;
    };
    CreateAllocator = [](OrtEpFactory*, const OrtMemoryInfo*, const OrtKeyValuePairs*,
                         OrtAllocator** out) noexcept -> OrtStatus* {
      *out = nullptr;
      return nullptr;
    };
    ReleaseAllocator = [](OrtEpFactory*, OrtAllocator*) noexcept {};
    CreateDataTransfer = [](OrtEpFactory*, OrtDataTransferImpl** out) noexcept -> OrtStatus* {
      *out = nullptr;
      return nullptr;
    };
    IsStreamAware = [](const OrtEpFactory*) noexcept { return false; };
  }

  OrtStatus* offer(const OrtHardwareDevice* const* devices, size_t count, OrtEpDevice** out,
                   size_t most, size_t* found) {
    *found = 0;
    const auto* cpu = std::find_if(devices, devices + count, [](const OrtHardwareDevice* device) {
      return ort->HardwareDevice_Type(device) == OrtHardwareDeviceType_CPU;
    });
    if (cpu == devices + count || most < 3) return nullptr;
    std::vector<const char*> chips = {real_chip};
    if (offers_virtual_devices) chips = {"b2", "c3", real_chip};
    for (const char* chip : chips) {
      OrtKeyValuePairs* metadata = nullptr;
      ort->CreateKeyValuePairs(&metadata);
      ort->AddKeyValuePair(metadata, "chip", chip);
      if (std::strcmp(chip, real_chip) != 0) ort->AddKeyValuePair(metadata, "is_virtual", "1");
      OrtStatus* status = ep_api->CreateEpDevice(this, *cpu, metadata, nullptr, &out[*found]);
      ort->ReleaseKeyValuePairs(metadata);
      RETURN_IF(status);
      ++*found;
    }
    return nullptr;
  }
};

}  // namespace
}  // namespace test_ep

extern "C" {

__attribute__((visibility("default"))) OrtStatus* CreateEpFactories(const char* registered_name,
                                                                    const OrtApiBase* base,
                                                                    const OrtLogger*,
                                                                    OrtEpFactory** factories,
                                                                    size_t, size_t* count) {
  using namespace test_ep;
  ort = base->GetApi(ORT_API_VERSION);
  ep_api = ort->GetEpApi();
  const bool is_virtual = std::string(registered_name).ends_with(".virtual");
  factories[0] = std::make_unique<Factory>(is_virtual).release();
  *count = 1;
  return nullptr;
}

__attribute__((visibility("default"))) OrtStatus* ReleaseEpFactory(OrtEpFactory* factory) {
  delete static_cast<test_ep::Factory*>(factory);
  return nullptr;
}
}
