// This backend's own options, as they come in requests (onnxruntime.KEY=VALUE on the command line).
#pragma once

#include <map>
#include <string>

#include "onnxpack/base/error.h"
#include "onnxpack/json/value.h"
#include "onnxpack/protocol/describe.h"

namespace onnxpack::ort_backend {

enum class VariantKind { automatic, extended, all, none };

struct Options {
  VariantKind variant = VariantKind::automatic;
  // automatic only: a variant whose own weights exceed this share of the component's bytes is
  // refused.
  double max_added_share = 0.5;
  std::string library;  // path of libonnxruntime; empty: found as in runtime.h
  std::map<std::string, std::string>
      session_options;  // ONNX Runtime's own config entries, passed through

  // For targets whose variants run on a plug-in execution provider (QNN).
  std::string ep;          // instead of the one that the target's profile names
  std::string ep_library;  // path of the plug-in; empty: found as in plugin_library.h
  std::map<std::string, std::string> ep_device;   // metadata of the device to take; the profile's
  std::map<std::string, std::string> ep_options;  // the provider's own, over all others
  bool prepare = true;   // fix dimensions and fold constants before the vendor's compiler sees it
  bool embed = false;    // the blob inside the .onnx instead of beside it
  bool fp16 = true;      // float graphs are computed in half precision
  std::string htp_arch;  // the profile's unless set
  std::string soc_model;
  std::string vtcm_mb;
};

// Values arrive typed (JSON build file) or as text (command line); both are taken. Errors:
// invalid_argument, naming the option.
Result<Options> parse_options(const json::Object& options);

// The same list, for `describe`.
std::vector<protocol::OptionInfo> option_infos();

}  // namespace onnxpack::ort_backend
