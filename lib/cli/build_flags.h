// The flags of build that speak of one target each: where it is compiled from, its shapes and its
// backends' options.
#pragma once

#include <string>
#include <vector>

#include "flags.h"
#include "onnxpack/base/error.h"
#include "onnxpack/package/build.h"

namespace onnxpack::cli {

// Kept as they were typed until all targets are known: "a/b:1" is the input "b" of target "a", or
// an input "a/b". *this outlives the flags.
class TargetFlags {
 public:
  void declare_sources(Flags& flags);
  // Under a heading of their own.
  void declare_shapes(Flags& flags);

  // Adds what was typed to a request whose targets are complete. Errors are invalid_argument and
  // name the flag.
  Status apply(package::BuildRequest& request) const;

 private:
  std::vector<std::string> sources_;
  std::vector<std::string> transformations_;
  std::vector<std::string> ternarized_;
  std::vector<std::string> precisions_;
  std::vector<std::string> shapes_;
  std::vector<std::string> dimensions_;
  std::vector<std::string> options_;

  Status apply_settings(package::BuildRequest& request) const;
  Status apply_sources(package::BuildRequest& request) const;
};

}  // namespace onnxpack::cli
