// The one name that the library shows: what session_options.register_custom_ops_library() calls.
#include <mutex>
#include <string>

#include "custom_op.h"
#include "registry.h"

namespace onnxpack::ort_ops {
namespace {

// One domain for the life of the process: sessions keep pointers into it. Released never, for the
// same reason.
Result<OrtCustomOpDomain*> domain(const OrtApi& api) {
  static std::mutex mutex;
  static OrtCustomOpDomain* made = nullptr;
  std::scoped_lock lock(mutex);
  if (made != nullptr) return made;
  OrtCustomOpDomain* out = nullptr;
  if (auto ok = take(api, api.CreateCustomOpDomain(domain_name, &out)); !ok)
    return std::unexpected(ok.error());
  for (const OrtCustomOp* op : all_operators()) {
    if (auto ok = take(api, api.CustomOpDomain_Add(out, op)); !ok) {
      api.ReleaseCustomOpDomain(out);
      return std::unexpected(ok.error());
    }
  }
  made = out;
  return made;
}

}  // namespace
}  // namespace onnxpack::ort_ops

extern "C" __attribute__((visibility("default"))) OrtStatus* ORT_API_CALL
RegisterCustomOps(OrtSessionOptions* options, const OrtApiBase* base) {
  using namespace onnxpack::ort_ops;
  const OrtApi* api = base->GetApi(api_version);
  // Without an API there is nobody to make a status; the runtime has printed its own refusal.
  if (api == nullptr) return nullptr;
  return guarded(*api, [&]() -> Status {
    // Said when the library is loaded, not at the first operator: a mistyped variable must not look
    // like a fast machine.
    if (auto features = process_features(); !features) return std::unexpected(features.error());
    auto made = domain(*api);
    if (!made) return std::unexpected(made.error());
    return take(*api, api->AddCustomOpDomain(options, *made));
  });
}
