// select --check-runtime: what the runtimes on this machine say to the compatibility texts of a
// package, beside what our rules say.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "onnxpack/base/error.h"
#include "onnxpack/manifest/manifest.h"
#include "onnxpack/package/environment.h"
#include "onnxpack/target/compatibility.h"

namespace onnxpack::package {

struct RuntimeCheck {
  std::string variant;
  std::string ep;
  target::CompatibilityAnswer ours;
  std::optional<target::Verdict> theirs;  // nothing: nobody here could be asked
  std::string by;                         // who said it
  std::string why;
  // True unless both know the text and differ: who does not know a text says not-applicable.
  bool agrees() const;
};

// For every variant with a compatibility text, in name order; each backend is asked once. Errors:
// cancelled, io; a backend that fails is an answer that is not there.
Result<std::vector<RuntimeCheck>> check_runtimes(const Environment& environment,
                                                 const manifest::Manifest& manifest,
                                                 const target::Target& host);

}  // namespace onnxpack::package
