// What people type as the value of a flag, turned into plain data. Pure functions; all errors are
// invalid_argument.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "onnxpack/base/error.h"
#include "onnxpack/json/value.h"

namespace onnxpack::cli {

// "NAME=VALUE", split at the first '='. `form` is how the flag is written in the help, for the
// error.
Result<std::pair<std::string, std::string>> parse_pair(std::string_view text,
                                                       std::string_view form);
// "BACKEND.KEY=VALUE". The value is JSON where it reads as JSON (3, true, [1, 2], "3"), else the
// text itself.
struct BackendOption {
  std::string backend;
  std::string key;
  json::Value value;
};
Result<BackendOption> parse_backend_option(std::string_view text);
// "LO:HI", two numbers, LO <= HI.
Result<std::pair<double, double>> parse_range(std::string_view text);
// "0.9" or "90%".
Result<double> parse_share(std::string_view text);
// "90", "90s", "10m", "2h".
Result<std::chrono::seconds> parse_duration(std::string_view text);
// "x86-64-v3/rest" with a known name in front: ("x86-64-v3", "rest"). Otherwise ("", text): input
// names may hold slashes.
std::pair<std::string, std::string> split_target(std::string_view text,
                                                 const std::vector<std::string>& targets);

}  // namespace onnxpack::cli
