// Cuts the events pipe into lines and reads them. Bounded: a line beyond the protocol's limit is
// skipped, not stored.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "onnxpack/protocol/event.h"

namespace onnxpack::backend {

class EventLines {
 public:
  // True when at least one readable event was among the bytes.
  bool append(std::string_view bytes, const std::function<void(const protocol::Event&)>& use);
  std::uint64_t unreadable() const { return unreadable_; }

 private:
  std::string line_;
  bool skipping_ = false;
  std::uint64_t unreadable_ = 0;
};

}  // namespace onnxpack::backend
