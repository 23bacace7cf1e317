// Packing without backends, and what the other verbs make of the package.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "fixtures.h"
#include "onnxpack/package/build.h"
#include "onnxpack/package/extract.h"
#include "onnxpack/package/package_file.h"
#include "onnxpack/package/slim.h"
#include "onnxpack/package/verify.h"

namespace onnxpack::package::testing {
namespace {

BuildRequest pack_request(const std::filesystem::path& model, const std::filesystem::path& output) {
  BuildRequest request;
  request.components.push_back({"model", model});
  request.backends = {"none"};
  request.output = output;
  return request;
}

PackageFile pack(const Folder& folder, const ModelSpec& spec,
                 const std::string& name = "p.onnxpkg") {
  write_model(folder / "in/m.onnx", spec);
  auto report = build(quiet_environment(), pack_request(folder / "in/m.onnx", folder / name));
  REQUIRE(report);
  auto package = PackageFile::open(io::real_file_system(), folder / name);
  REQUIRE(package);
  CHECK(package->id() == report->package_id);
  return *package;
}

const CheckStatus* find_status(const VerifyReport& report, const std::string& name) {
  for (const auto& check : report.integrity) {
    if (check.name == name) return &check.status;
  }
  return nullptr;
}

}  // namespace

TEST_CASE(
    "the original comes back byte for byte, whatever the IR version and wherever the weights are") {
  auto ir = GENERATE(3, 7, 8, 10, 13, 14);
  auto external = GENERATE(false, true);
  Folder folder;
  // Past the 4 MiB chunk, so that digest lists take part.
  ModelSpec spec{.ir_version = ir,
                 .elements = 1300000,
                 .external_location = external ? "data/w.bin" : "",
                 .external_offset = 128};
  auto package = pack(folder, spec);
  auto report = extract(
      quiet_environment(), package,
      {.what = ExtractWhat::original, .variant = "", .components = {}, .output = folder / "out"});
  REQUIRE(report);
  CHECK(read_file(folder / "out/m.onnx") == model_bytes(spec));
  if (external) CHECK(read_file(folder / "out/data/w.bin") == read_file(folder / "in/data/w.bin"));
}

TEST_CASE("verify finds every changed byte of a member") {
  Folder folder;
  auto package = pack(folder, {.elements = 8});
  auto whole = verify(quiet_environment(), package, {.integrity_only = true});
  REQUIRE(whole);
  CHECK(whole->ok);

  const auto* entry = package.archive().find("components/model/model.onnx");
  REQUIRE(entry != nullptr);
  Bytes bytes = read_file(folder / "p.onnxpkg");
  for (std::uint64_t at = entry->offset; at < entry->offset + entry->size; at += 7) {
    Bytes damaged = bytes;
    damaged[at] ^= std::byte{1};
    write_file(folder / "damaged.onnxpkg", damaged);
    auto opened = PackageFile::open(io::real_file_system(), folder / "damaged.onnxpkg");
    REQUIRE(opened);
    auto report = verify(quiet_environment(), *opened, {.integrity_only = true});
    REQUIRE(report);
    CHECK_FALSE(report->ok);
    const auto* status = find_status(*report, entry->name);
    REQUIRE(status != nullptr);
    CHECK(*status == CheckStatus::failed);
  }
}

TEST_CASE("same inputs, same bytes") {
  Folder folder;
  ModelSpec spec{.elements = 100, .external_location = "w.bin"};
  pack(folder, spec, "a.onnxpkg");
  pack(folder, spec, "b.onnxpkg");
  CHECK(read_file(folder / "a.onnxpkg") == read_file(folder / "b.onnxpkg"));
}

TEST_CASE("packing a packaged model strips the older annotation first") {
  Folder folder;
  ModelSpec spec{.elements = 4};
  auto first = pack(folder, spec, "first.onnxpkg");
  REQUIRE(extract(
      quiet_environment(), first,
      {.what = ExtractWhat::all, .variant = "", .components = {}, .output = folder / "tree"}));
  auto request =
      pack_request(folder / "tree/components/model/model.onnx", folder / "second.onnxpkg");
  auto report = build(quiet_environment(), request);
  REQUIRE(report);
  CHECK(report->warnings.size() == 1);
  auto second = PackageFile::open(io::real_file_system(), folder / "second.onnxpkg");
  REQUIRE(second);
  CHECK(second->manifest().components[0].original.sha256 ==
        first.manifest().components[0].original.sha256);
}

TEST_CASE("an existing output is not replaced unasked, and a failed build leaves nothing") {
  Folder folder;
  write_model(folder / "in/m.onnx");
  write_file(folder / "out.onnxpkg", as_bytes("mine"));
  auto request = pack_request(folder / "in/m.onnx", folder / "out.onnxpkg");
  auto refused = build(quiet_environment(), request);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind() == ErrorKind::already_exists);
  CHECK(as_text(read_file(folder / "out.onnxpkg")) == "mine");

  request.overwrite = io::Overwrite::yes;
  REQUIRE(build(quiet_environment(), request));
  CHECK(PackageFile::open(io::real_file_system(), folder / "out.onnxpkg"));

  CancelFlag cancelled;
  cancelled.set();
  Environment environment = quiet_environment();
  environment.cancel = &cancelled;
  request.output = folder / "other.onnxpkg";
  auto stopped = build(environment, request);
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error().kind() == ErrorKind::cancelled);
  auto left = io::real_file_system().list(folder.path());
  REQUIRE(left);
  CHECK(*left == std::vector<std::string>{"in", "out.onnxpkg"});
}

TEST_CASE("a package without variants selects the original graph") {
  Folder folder;
  auto package = pack(folder, {.elements = 4});
  SlimRequest request;
  request.selection.target = target::find_profile("x86-64-v3").value();
  request.output = folder / "slim.onnxpkg";
  auto report = select_package(quiet_environment(), package, request);
  REQUIRE(report);
  CHECK(report->kept_variants.empty());
  auto slim = PackageFile::open(io::real_file_system(), folder / "slim.onnxpkg");
  REQUIRE(slim);
  CHECK(slim->id() == package.id());
  auto verified = verify(quiet_environment(), *slim, {.integrity_only = true});
  REQUIRE(verified);
  CHECK(verified->ok);
}

}  // namespace onnxpack::package::testing
