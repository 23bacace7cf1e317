// Every call to the disk fails once, in every verb that writes: what was there stays as it was or
// is replaced whole, nothing half-written is left, and a second run completes. The same is asked of
// the program and the real disk in tests/faults.
#include <catch2/catch_test_macros.hpp>
#include <functional>
#include <map>

#include "fixtures.h"
#include "onnxpack/io/memory_file_system.h"
#include "onnxpack/package/build.h"
#include "onnxpack/package/extract.h"
#include "onnxpack/package/package_file.h"
#include "onnxpack/package/slim.h"

namespace onnxpack::package::testing {
namespace {

using Files = std::map<std::string, Bytes>;

struct Verb {
  std::string name;
  std::function<Status(const Environment&, io::Overwrite)> run;
};

Environment on(io::FileSystem& disk) {
  Environment out = quiet_environment();
  out.files = &disk;
  return out;
}

Files files_of(const io::MemoryFileSystem& disk) {
  Files out;
  for (const auto& name : disk.files()) out[name] = *disk.content(name);
  return out;
}

void fill(io::MemoryFileSystem& disk, const Files& files) {
  for (const auto& [name, content] : files) disk.put(name, content);
}

// Small: every run copies all of it. tests/faults has members of several chunks.
Files inputs() {
  io::MemoryFileSystem disk;
  ModelSpec spec{.elements = 16, .external_location = "w.bin"};
  disk.put("/in/m.onnx", model_bytes(spec));
  disk.put("/in/w.bin", weight_bytes(spec));
  disk.put("/in/labels.txt", as_bytes("cat\n"));
  return files_of(disk);
}

Status run_build(const Environment& environment, const std::filesystem::path& output,
                 io::Overwrite overwrite) {
  BuildRequest request;
  request.components.push_back({"model", "/in/m.onnx"});
  request.attachments.push_back({"labels.txt", "/in/labels.txt"});
  request.backends = {"none"};
  request.output = output;
  request.overwrite = overwrite;
  ONNXPACK_CHECK(build(environment, request));
  return {};
}

Status run_select(const Environment& environment, io::Overwrite overwrite) {
  ONNXPACK_TRY(auto package, PackageFile::open(*environment.files, "/p.onnxpkg"));
  SlimRequest request;
  request.selection.target = target::find_profile("x86-64-v3").value();
  request.output = "/out";
  request.overwrite = overwrite;
  ONNXPACK_CHECK(select_package(environment, package, request));
  return {};
}

Status run_extract(const Environment& environment, ExtractWhat what) {
  ONNXPACK_TRY(auto package, PackageFile::open(*environment.files, "/p.onnxpkg"));
  ONNXPACK_CHECK(extract(environment, package, {.what = what, .output = "/folder"}));
  return {};
}

std::vector<Verb> verbs() {
  return {
      {"build", [](const auto& environment,
                   auto overwrite) { return run_build(environment, "/out", overwrite); }},
      {"select", run_select},
      {"extract --original", [](const auto& environment,
                                auto) { return run_extract(environment, ExtractWhat::original); }},
      {"extract --all",
       [](const auto& environment, auto) { return run_extract(environment, ExtractWhat::all); }}};
}

enum class Break { one_call, all_calls_from };

// Fails call after call until one run meets none. Returns how many runs failed.
int fail_each_call(const Verb& verb, const Files& before, const Files& after,
                   io::Overwrite overwrite, Break how) {
  int failures = 0;
  for (std::uint64_t n = 0;; ++n) {
    io::MemoryFileSystem disk;
    fill(disk, before);
    std::uint64_t start = disk.call_count();
    how == Break::one_call ? disk.fail_call(n) : disk.fail_calls_from(n);
    auto done = verb.run(on(disk), overwrite);
    bool met = disk.call_count() - start > n;
    disk.fail_no_call();
    INFO(verb.name << ", call " << n << (done ? "" : ": " + done.error().message()));
    Files found = files_of(disk);
    // A disk that is gone cannot be tidied up; what stays then has a hidden name.
    if (how == Break::all_calls_from)
      std::erase_if(found, [](const auto& file) { return file.first.starts_with("/."); });
    if (done) {
      REQUIRE((found == after));
    } else {
      ++failures;
      REQUIRE((found == before));
      REQUIRE(verb.run(on(disk), overwrite));
    }
    if (!met) return failures;
  }
}

}  // namespace

TEST_CASE("the disk fails at every call of every writing verb") {
  Files before = inputs();
  {
    io::MemoryFileSystem disk;
    fill(disk, before);
    REQUIRE(run_build(on(disk), "/p.onnxpkg", io::Overwrite::no));
    before = files_of(disk);
  }
  for (const Verb& verb : verbs()) {
    for (bool replaces : {false, true}) {
      // Folders are never replaced, so extract has nothing to replace.
      if (replaces && verb.name.starts_with("extract")) continue;
      auto overwrite = replaces ? io::Overwrite::yes : io::Overwrite::no;
      Files start = before;
      if (replaces) start["/out"] = to_bytes("old");
      io::MemoryFileSystem undisturbed;
      fill(undisturbed, start);
      REQUIRE(verb.run(on(undisturbed), overwrite));
      Files after = files_of(undisturbed);
      REQUIRE((after != start));
      CHECK(fail_each_call(verb, start, after, overwrite, Break::one_call) > 10);
      CHECK(fail_each_call(verb, start, after, overwrite, Break::all_calls_from) > 10);
    }
  }
}

}  // namespace onnxpack::package::testing
