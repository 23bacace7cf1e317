// The backends of this install, with what they say of themselves.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "onnxpack/package/environment.h"
#include "onnxpack/protocol/describe.h"

namespace onnxpack::package {

struct InstalledBackend {
  std::string name;
  std::filesystem::path path;
  std::vector<std::filesystem::path> shadowed;
  std::string program_sha256;
  protocol::DescribeResponse description;
  std::string problem;  // why it cannot be used; empty when it can
  std::string hint;
};

class Installed {
 public:
  // Runs `describe` of every backend found. A broken one is in the list with its problem. Errors: cancelled, io.
  static Result<Installed> find(const Environment& environment);
  const std::vector<InstalledBackend>& all() const { return backends_; }  // in name order
  const InstalledBackend* find(std::string_view name) const;

 private:
  std::vector<InstalledBackend> backends_;
};

}  // namespace onnxpack::package
