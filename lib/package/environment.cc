#include "onnxpack/package/environment.h"

namespace onnxpack::package {
namespace {

class SilentWatcher final : public Watcher {
 public:
  void started(std::string_view, std::uint64_t) override {}
  void advanced(std::string_view, std::uint64_t) override {}
  void stage(std::string_view, std::string_view) override {}
  void finished(std::string_view, std::string_view) override {}
  void warning(std::string_view) override {}
};

}  // namespace

Watcher& silent_watcher() {
  static SilentWatcher watcher;
  return watcher;
}

}  // namespace onnxpack::package
