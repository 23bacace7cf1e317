// links: package manifest model archive io base
// Manifest, layout and members from outside, packed into a sound container, since few inputs would
// get past its checks otherwise: opening, verifying, extracting and comparing crash at nothing, and
// what verifies is extracted whole.
//
// Input: sections "=%= NAME\n" content, one per member in file order. make_package_corpus.py takes
// packages apart into this form.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "onnxpack/archive/writer.h"
#include "onnxpack/io/memory_file_system.h"
#include "onnxpack/package/diff.h"
#include "onnxpack/package/extract.h"
#include "onnxpack/package/package_file.h"
#include "onnxpack/package/verify.h"

namespace {

using namespace onnxpack;

constexpr std::string_view mark = "=%= ";

void require(bool holds) {
  if (!holds) std::abort();
}

std::vector<std::pair<std::string, std::string_view>> sections(std::string_view text) {
  std::vector<std::pair<std::string, std::string_view>> out;
  for (std::size_t at = text.find(mark); at != text.npos;) {
    std::size_t line = text.find('\n', at);
    if (line == text.npos) break;
    std::size_t next = text.find(mark, line);
    std::string name(text.substr(at + mark.size(), line - at - mark.size()));
    out.emplace_back(std::move(name), text.substr(line + 1, next - line - 1));
    at = next;
  }
  return out;
}

// False when the names make no archive.
bool pack(io::MemoryFileSystem& disk, std::string_view text) {
  auto output = *disk.create("/p");
  archive::ArchiveWriter writer(*output);
  for (const auto& [name, content] : sections(text)) {
    if (!writer.add(name, as_bytes(content))) {
      writer.abandon();
      return false;
    }
  }
  return writer.finish() && output->publish(io::Overwrite::no);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  io::MemoryFileSystem disk;
  if (!pack(disk, {reinterpret_cast<const char*>(data), size})) return 0;
  auto package = package::PackageFile::open(disk, "/p");
  if (!package) return 0;
  static const CancelFlag never;
  package::Environment environment;
  environment.files = &disk;
  environment.cancel = &never;
  auto report = package::verify(environment, *package, {.integrity_only = true});
  auto extracted = package::extract(environment, *package,
                                    {.what = package::ExtractWhat::all, .output = "/all"});
  static_cast<void>(package::extract(
      environment, *package, {.what = package::ExtractWhat::original, .output = "/original"}));
  if (report && report->ok) require(extracted.has_value());
  // Nothing but the package and what was asked for.
  for (const auto& name : disk.files())
    require(name == "/p" || name.starts_with("/all/") || name.starts_with("/original"));
  auto same = package::compare_packages(*package, *package);
  require(!same || same->changes.empty());
  return 0;
}
