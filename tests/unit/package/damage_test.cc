// Nothing that happens to a package's bytes goes unnoticed: verify --integrity-only finds every
// flipped bit and every cut, in the members, between them and in the index.
#include <catch2/catch_test_macros.hpp>

#include "fixtures.h"
#include "onnxpack/io/memory_file_system.h"
#include "onnxpack/package/build.h"
#include "onnxpack/package/package_file.h"
#include "onnxpack/package/verify.h"

namespace onnxpack::package::testing {
namespace {

// A package with everything in it: external data, an attachment, a variant.
Bytes sample() {
  Folder folder;
  write_model(folder / "m.onnx", {.elements = 2, .external_location = "w.bin"});
  write_file(folder / "labels.txt", as_bytes("cat\n"));
  BuildRequest request;
  request.components.push_back({"model", folder / "m.onnx"});
  request.attachments.push_back({"labels.txt", folder / "labels.txt"});
  request.targets = {target::find_profile("x86-64-v3").value()};
  request.backends = {"good"};
  request.output = folder / "p.onnxpkg";
  Environment environment = quiet_environment();
  environment.variables = {{"PATH", "/usr/bin:/bin"}};
  environment.backend_path = {ONNXPACK_TEST_DATA "/../support/backends"};
  auto report = build(environment, request);
  REQUIRE(report);
  REQUIRE(report->lost_targets.empty());
  return read_file(folder / "p.onnxpkg");
}

// True when opening or verifying finds fault with the bytes.
bool is_refused(Bytes bytes) {
  io::MemoryFileSystem disk;
  disk.put("/p.onnxpkg", bytes);
  Environment environment = quiet_environment();
  environment.files = &disk;
  auto package = PackageFile::open(disk, "/p.onnxpkg");
  if (!package) return true;
  auto report = verify(environment, *package, {.integrity_only = true});
  return !report || !report->ok;
}

}  // namespace

TEST_CASE("every single-bit flip of a package is found") {
  const Bytes package = sample();
  REQUIRE_FALSE(is_refused(package));
  for (std::size_t i = 0; i < package.size(); ++i) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      Bytes damaged = package;
      damaged[i] ^= std::byte(1U << bit);
      INFO("byte " << i << " bit " << bit);
      REQUIRE(is_refused(std::move(damaged)));
    }
  }
}

TEST_CASE("every truncation of a package is found") {
  const Bytes package = sample();
  for (std::size_t size = 0; size < package.size(); ++size) {
    CAPTURE(size);
    auto cut = static_cast<std::ptrdiff_t>(size);
    REQUIRE(is_refused(Bytes(package.begin(), package.begin() + cut)));
    REQUIRE(is_refused(Bytes(package.end() - cut, package.end())));
  }
}

}  // namespace onnxpack::package::testing
