// Structure into a 128-bit hash: every item says what it is and how long, so that no two structures
// give the same bytes.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "onnxpack/base/bytes.h"
#include "onnxpack/model/constants.h"

namespace onnxpack::model {

class HashBuilder {
 public:
  // `kind` separates the domains: a node never hashes as a tensor does.
  explicit HashBuilder(std::string_view kind) { text(kind); }

  HashBuilder& text(std::string_view value) {
    number(value.size());
    append(bytes_, value);
    return *this;
  }
  HashBuilder& number(std::uint64_t value) {
    append_le(bytes_, value);
    return *this;
  }
  HashBuilder& hash(const ContentHash& value) {
    append(bytes_, std::as_bytes(std::span(value.bytes)));
    return *this;
  }
  // In order.
  HashBuilder& list(const std::vector<ContentHash>& values) {
    number(values.size());
    for (const auto& value : values) hash(value);
    return *this;
  }
  // In whatever order: sorted here.
  HashBuilder& multiset(std::vector<ContentHash> values);

  ContentHash finish() const;

 private:
  Bytes bytes_;
};

}  // namespace onnxpack::model
