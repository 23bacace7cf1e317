// Parts that several JSON documents have.
#pragma once

#include <optional>

#include "onnxpack/json/value.h"
#include "onnxpack/manifest/evidence.h"

namespace onnxpack::cli {

// What `convert` makes of each item, in their order.
template <typename Items, typename Convert>
json::Array each(const Items& items, Convert&& convert) {
  json::Array out;
  for (const auto& item : items) out.push_back(convert(item));
  return out;
}

// null where nobody measured.
json::Value latency(const std::optional<manifest::Latency>& latency);

}  // namespace onnxpack::cli
