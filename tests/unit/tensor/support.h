// Reading the committed samples.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <catch2/catch_test_macros.hpp>

#include "onnxpack/base/bytes.h"

namespace onnxpack::tensor {

inline std::filesystem::path sample(const std::string& name) {
  return std::filesystem::path(ONNXPACK_TEST_DATA) / "npy" / name;
}

inline Bytes sample_bytes(const std::string& name) {
  std::ifstream file(sample(name), std::ios::binary);
  REQUIRE(file.good());
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  return to_bytes(text);
}

}  // namespace onnxpack::tensor
