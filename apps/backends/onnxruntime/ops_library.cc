#include "ops_library.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "onnx_fields.h"
#include "onnxpack/base/text.h"
#include "wire.h"

namespace onnxpack::ort_backend {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> candidates() {
  if (const char* named = std::getenv(ops_library_variable); named != nullptr && *named != '\0')
    return {named};
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (error) return {};
  const fs::path folder = program.parent_path();
  const fs::path prefix = folder.parent_path().parent_path();
  std::vector<std::string> out;
  for (const fs::path& place :
       {folder, prefix / "lib" / "onnx-pack", prefix / "lib", prefix / ONNXPACK_LIBDIR}) {
    auto path = (place / ops_library_name).string();
    if (std::ranges::find(out, path) == out.end()) out.push_back(std::move(path));
  }
  return out;
}

}  // namespace

Result<std::string> find_ops_library() {
  const auto tried = candidates();
  for (const std::string& path : tried) {
    std::error_code error;
    if (fs::is_regular_file(path, error)) return path;
  }
  return fail(
      ErrorKind::unavailable,
      fmt::format("{} was not found; tried {}", ops_library_name, join(tried, ", ")),
      fmt::format("build the target onnxpack_ops, or point {} at it", ops_library_variable));
}

Result<bool> imports_ops(ByteView model) {
  bool out = false;
  const auto entry = [&](const wire::Field& field) -> Status {
    if (field.is_message(onnx_field::opset_domain) && as_text(field.content) == ops_domain)
      out = true;
    return {};
  };
  ONNXPACK_CHECK(wire::for_each_field(model, [&](const wire::Field& field) -> Status {
    if (!field.is_message(onnx_field::model_opset_import)) return {};
    return wire::for_each_field(field.content, entry);
  }));
  return out;
}

}  // namespace onnxpack::ort_backend
