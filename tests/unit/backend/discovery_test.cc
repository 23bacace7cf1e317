#include "onnxpack/backend/discovery.h"

#include "onnxpack/target/target.h"
#include "support.h"

namespace onnxpack::backend::test {
namespace {

using Lines = std::vector<std::string>;

void install(const fs::path& folder, const std::string& name, bool executable = true) {
  fs::path path = folder / ("onnx-pack-backend-" + name);
  write_file(path, "#!/bin/sh\nexit 0\n");
  fs::permissions(path, fs::perms::owner_all,
                  executable ? fs::perm_options::add : fs::perm_options::remove);
  if (!executable) fs::permissions(path, fs::perms::owner_read);
}

TEST_CASE("the first place wins and the others are shadowed") {
  Folder folder;
  install(folder / "libexec", "iree");
  install(folder / "extra", "iree");
  install(folder / "extra", "acme");
  install(folder / "bin", "iree");
  write_file(folder / "bin/onnx-pack-backend-iree~", "backup");
  write_file(folder / "bin/unrelated", "x");
  Discovery found = discover(
      {.libexec = folder / "libexec",
       .extra = {folder / "extra"},
       .path_variable = fmt::format("relative:{}:/nonexistent::.", (folder / "bin").string())});
  CHECK(found.warnings.empty());
  REQUIRE(found.programs.size() == 2);
  CHECK(found.programs[0].name == "acme");
  CHECK(found.programs[0].origin == "--backend-path");
  CHECK(found.programs[1].path == folder / "libexec/onnx-pack-backend-iree");
  CHECK(found.programs[1].origin == "libexec");
  CHECK(found.programs[1].shadowed == std::vector<fs::path>{folder / "extra/onnx-pack-backend-iree",
                                                            folder / "bin/onnx-pack-backend-iree"});
}

TEST_CASE("--backend-path takes a program itself and complains about nonsense") {
  Folder folder;
  install(folder / "a", "acme");
  write_file(folder / "a/readme", "x");
  Discovery found = discover(
      {.libexec = {},
       .extra = {folder / "a/onnx-pack-backend-acme", folder / "none", folder / "a/readme"},
       .path_variable = ""});
  REQUIRE(found.programs.size() == 1);
  CHECK(found.warnings ==
        Lines{fmt::format("--backend-path {}: does not exist", (folder / "none").string()),
              fmt::format(
                  "--backend-path {}: neither a folder nor a program named onnx-pack-backend-NAME",
                  (folder / "a/readme").string())});
}

TEST_CASE("unknown names get a suggestion or the list") {
  Discovery found;
  found.programs = {{.name = "iree", .path = "", .origin = "", .shadowed = {}},
                    {.name = "openvino", .path = "", .origin = "", .shadowed = {}}};
  CHECK((*find_program(found, "iree"))->name == "iree");
  auto near = find_program(found, "openvnio");
  REQUIRE_FALSE(near);
  CHECK(near.error().message() == "no backend is named openvnio");
  CHECK(near.error().hint() == "did you mean openvino?");
  CHECK(find_program(found, "tensorrt").error().hint() == "there are: iree, openvino");
  CHECK(find_program({}, "x").error().hint() ==
        "no backend is installed; `onnx-pack backends` shows where they are looked for");
}

TEST_CASE("describe tells usable backends from broken ones") {
  Discovery found = discover({.libexec = hostile_folder(), .extra = {}, .path_variable = ""});
  CHECK(found.warnings.empty());
  auto all = describe_all(found, {});
  REQUIRE(all);
  auto problem = [&](const std::string& name) {
    for (const Backend& backend : *all) {
      if (backend.program.name == name)
        return backend.problem + (backend.hint.empty() ? "" : " / " + backend.hint);
    }
    return std::string("not found");
  };
  CHECK(problem("good").empty());
  CHECK(problem("hang").empty());
  CHECK(problem("unavailable") == "libvendor.so.3 was not found / apt install vendor-sdk");
  CHECK(problem("misnamed") ==
        "onnx-pack-backend-misnamed calls itself \"good\" / rename the program to "
        "onnx-pack-backend-good");
  CHECK(problem("future") ==
        "the backend speaks protocol 2.0 to 2.3, this onnx-pack speaks 1.0 / install a newer "
        "onnx-pack, or an older release of the backend");
  CHECK(problem("cannot-describe") == "cannot-describe describe crashed: signal 6 (SIGABRT)");
  CHECK(problem("no-interpreter").starts_with("no-interpreter describe did not start: "));
  auto named = [&](std::string_view name) -> const Backend& {
    return *std::ranges::find(*all, name, [](const Backend& b) { return b.program.name; });
  };
  // A runtime without its compiler is a backend all the same, for what was compiled elsewhere.
  const Backend& runs_only = named("runs-only");
  CHECK(runs_only.usable());
  CHECK(runs_only.compile_problem() == "libvendor-compiler.so.3 was not found");
  CHECK(runs_only.compile_hint() == "apt install vendor-sdk");
  CHECK(named("unavailable").compile_problem() == "libvendor.so.3 was not found");
  const Backend& good = named("good");
  CHECK(good.compile_problem().empty());
  CHECK(good.program_sha256.size() == 64);
  CHECK(good.description.deterministic);
  CHECK(protocol::serves(good.description, target::Target{}).served);
}

}  // namespace
}  // namespace onnxpack::backend::test
