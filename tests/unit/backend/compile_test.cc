#include <atomic>
#include <chrono>
#include <set>
#include <thread>

#include "onnxpack/backend/compile.h"
#include "onnxpack/crypto/digest.h"
#include "support.h"

namespace onnxpack::backend::test {
namespace {

using Lines = std::vector<std::string>;

Backend backend_named(const std::string& name) {
  auto described =
      describe({.name = name, .path = hostile(name), .origin = "test", .shadowed = {}}, {});
  if (!described) FAIL(described.error().message());
  INFO(described->problem);
  REQUIRE(described->usable());
  return std::move(*described);
}

// One compile with a model of a few bytes.
struct Compile {
  Folder folder;
  Backend backend;
  CompileCall call;

  explicit Compile(const std::string& name) : backend(backend_named(name)) {
    write_file(folder / "shared/components/model/model.onnx", "model");
    fs::create_directories(folder / "work");
    call.backend = &backend;
    call.request.component = {
        .name = "model", .model = "components/model/model.onnx", .original_sha256 = "aa"};
    call.request.target.name = "x86-64-v3";
    call.request.scopes = {
        {.name = "model", .node_count = 1, .inputs = {"x"}, .outputs = {"y"}, .node_outputs = {}}};
    call.request.variant_name = "x86-64-v3-" + name;
    call.components_root = folder / "shared";
    call.work_folder = folder / "work";
    call.log_file = folder / "log.txt";
    call.limits.grace = std::chrono::milliseconds(100);
    call.content = {{"model.onnx", "aa"}};
  }
  Compiled run() {
    auto compiled = compile(call);
    if (!compiled) FAIL(compiled.error().message());
    return std::move(*compiled);
  }
  std::string problem() {
    Compiled compiled = run();
    CHECK(compiled.outcome.kind == OutcomeKind::protocol);
    CHECK(compiled.files.empty());
    return compiled.outcome.reason;
  }
};

constexpr const char* blob_digest =
    "fa2c8cc4f28176bbeed4b736df569a34c79cd3723e9ec42f9674b4d46ac6b8b8";

TEST_CASE("a good compile gives checked files with the host's digests") {
  Compile compile("good");
  Compiled compiled = compile.run();
  CHECK(compiled.outcome.ok());
  REQUIRE(compiled.files.size() == 1);
  CHECK(compiled.files[0].path == "model.bin");
  CHECK(compiled.files[0].size == 4);
  CHECK(compiled.files[0].sha256 == blob_digest);
  CHECK(read_file(compiled.files[0].file) == "blob");
  CHECK(compiled.response.variants.size() == 1);
}

TEST_CASE("files that a backend has no business with are refused") {
  const std::string prefix = "its answer cannot be used: variants[0].partitions[0].blobs[0]: ";
  CHECK(Compile("escapes").problem().starts_with(prefix + "unsafe name '../x': it "));
  CHECK(Compile("absolute").problem().starts_with(prefix + "unsafe name '/etc/passwd': it "));
  CHECK(Compile("symlink").problem() == prefix + "model.bin: is or goes through a symbolic link");
  CHECK(Compile("linked-folder").problem() ==
        prefix + "sub/model.bin: is or goes through a symbolic link");
  CHECK(Compile("fifo").problem() == prefix + "model.bin: is no regular file");
  CHECK(Compile("no-blob").problem() ==
        prefix + "model.bin: there is no such file in its output folder");
  CHECK(Compile("empty-blob").problem() == prefix + "model.bin: is an empty file");
  CHECK(Compile("half-written").problem() ==
        prefix + "model.bin: has 4 bytes, the answer says 1000");
  CHECK(Compile("lying-digest").problem() == prefix + "model.bin: has SHA-256 " + blob_digest +
                                                 ", the answer says " + std::string(64, '0'));
}

TEST_CASE("answers that do not fit the question are refused") {
  CHECK(Compile("unknown-scope").problem() ==
        "its answer cannot be used: variants[0].partitions[0].scope: \"decoder\" was not asked "
        "for; expected one of model");
  CHECK(Compile("malformed").problem() ==
        "its answer cannot be used: variants[0].ep: expected a string, found 3");
}

TEST_CASE("references are files of the component") {
  Folder folder;
  write_file(folder / "components/model/weights.bin", "w");
  protocol::CompileResponse response;
  response.variants.resize(1);
  auto check = [&](const std::string& name) {
    response.variants[0].references = {name};
    auto status = check_answer(response, {}, folder.path());
    return status ? std::string() : status.error().message();
  };
  CHECK(check("components/model/weights.bin").empty());
  CHECK(check("components/model/none.bin") ==
        "variants[0].references[0]: components/model/none.bin: expected a file of components/");
  CHECK(check("components/../../etc/passwd").starts_with("variants[0].references[0]: "));
  // Of a source model nothing will be in the package.
  response.variants[0].references = {"components/model/weights.bin"};
  protocol::CompileRequest request;
  request.self_contained = true;
  auto status = check_answer(response, request, folder.path());
  REQUIRE_FALSE(status);
  CHECK(status.error().message() ==
        "variants[0].references: components/model/weights.bin will not be in the package; a blob "
        "of a "
        "self-contained request holds all it needs");
}

TEST_CASE("outcomes without files pass through") {
  CHECK(Compile("refuses").run().outcome.kind == OutcomeKind::refused);
  CHECK(Compile("fails").run().outcome.kind == OutcomeKind::error);
  CHECK(Compile("segfault").run().outcome.kind == OutcomeKind::crash);
}

// --- cache ---

struct CachedCompiles {
  Folder root;
  Cache cache;
  CachedCompiles() : cache(std::move(*Cache::open(root.path()))) {}

  Compiled run(const std::function<void(Compile&)>& change = nullptr,
               const std::string& name = "good") {
    Compile compile(name);
    compile.call.cache = &cache;
    if (change) change(compile);
    Compiled out = compile.run();
    if (out.outcome.ok()) {
      REQUIRE(out.files.size() == 1);
      CHECK(read_file(out.files[0].file) == "blob");
      CHECK(out.files[0].sha256 == blob_digest);
      CHECK(out.response.variants.size() == 1);
    }
    CHECK(out.outcome.warnings.empty());
    return out;
  }
  fs::path entry(const std::string& key) const {
    return root.path() / "v1" / key.substr(0, 2) / key;
  }
};

TEST_CASE("a second build compiles nothing") {
  CachedCompiles cached;
  Compiled first = cached.run();
  CHECK_FALSE(first.from_cache);
  Compiled second = cached.run();
  CHECK(second.from_cache);
  CHECK(second.key == first.key);
  CHECK(second.response == first.response);
}

TEST_CASE("each thing a compile depends on changes the key") {
  CachedCompiles cached;
  cached.run();
  using Change = std::function<void(Compile&)>;
  const std::vector<Change> changes = {
      [](Compile& c) { c.call.content["model.onnx"] = "bb"; },
      [](Compile& c) { c.call.content["weights.bin"] = "cc"; },
      [](Compile& c) { c.call.request.target.name = "x86-64-v4"; },
      [](Compile& c) { c.call.request.target.facts["x86_64.level"] = {"v4"}; },
      [](Compile& c) {
        c.call.request.target.backend_options["good"] = json::object({{"a", 1}});
      },
      [](Compile& c) { c.call.request.options["level"] = 3; },
      [](Compile& c) { c.call.request.free_dimensions["batch"] = 1; },
      [](Compile& c) {
        c.call.request.input_shapes["x"] = {1, 3};
      },
      [](Compile& c) { c.call.request.scopes[0].node_count = 2; },
      [](Compile& c) { c.call.request.variant_name = "other"; },
      [](Compile& c) { c.backend.program_sha256 = "dd"; },
      [](Compile& c) { c.backend.description.versions["hostile"] = "2"; },
  };
  std::set<std::string> keys;
  for (std::size_t i = 0; i < changes.size(); ++i) {
    INFO("change " << i);
    Compiled compiled = cached.run(changes[i]);
    CHECK_FALSE(compiled.from_cache);
    CHECK(keys.insert(compiled.key).second);
  }
  CHECK(cached.run().from_cache);
}

TEST_CASE("what cannot change a blob does not change the key") {
  CachedCompiles cached;
  cached.run();
  CHECK(cached.run([](Compile& c) { c.call.request.threads = 7; }).from_cache);
  CHECK(cached.run([](Compile& c) { c.call.request.target.description = "new words"; }).from_cache);
}

TEST_CASE("the key is what the documentation says") {
  KeyParts parts;
  parts.content = {{"model.onnx", "aa"}};
  parts.backend = "good";
  parts.program_sha256 = "bb";
  parts.versions = {{"tool", "1"}};
  parts.request.component = {
      .name = "model", .model = "components/model/model.onnx", .original_sha256 = "aa"};
  parts.request.target.name = "t";
  parts.request.variant_name = "t-good";
  parts.request.output_dir = "out";
  parts.request.threads = 4;
  json::Value value = to_json(parts);
  CHECK(value.find("build_key")->as_integer() == 1);
  CHECK(value.find("request")->find("output_dir") == nullptr);
  CHECK(value.find("request")->find("threads") == nullptr);
  CHECK(value.find("request")->find("protocol")->as_string() == "1.0");
  CHECK(cache_key(parts) == crypto::sha256(json::compact(value)).hex());
}

TEST_CASE("the cache says what differs from the entry most like a key") {
  CachedCompiles cached;
  auto look = [&](const std::function<void(Compile&)>& change) {
    Compile compile("good");
    if (change) change(compile);
    auto out = cached.cache.look(key_parts(compile.call));
    REQUIRE(out);
    return *out;
  };
  CHECK_FALSE(look(nullptr).ever);
  cached.run();
  cached.run([](Compile& c) { c.call.request.options["level"] = 2; });
  CHECK(look(nullptr).found);
  CHECK(look([](Compile& c) { c.call.request.threads = 7; }).found);
  using Change = std::function<void(Compile&)>;
  const std::vector<std::pair<Change, Lines>> changes = {
      {[](Compile& c) { c.call.request.options["level"] = 3; }, {"option level: 2 -> 3"}},
      {[](Compile& c) { c.call.request.options["name"] = "x"; }, {"option name: (none) -> x"}},
      {[](Compile& c) { c.backend.description.versions["hostile"] = "2"; },
       {"version of hostile: 1 -> 2"}},
      {[](Compile& c) { c.call.content["weights.bin"] = std::string(64, 'd'); },
       {"content of weights.bin: (none) -> dddddddddddd"}},
      {[](Compile& c) { c.call.request.target.facts["x86_64.level"] = {"v4"}; },
       {"target's x86_64.level: (none) -> [\"v4\"]"}},
      {[](Compile& c) {
         c.call.request.input_shapes["x"] = {1, 3};
       },
       {"shape of x: (none) -> [1,3]"}},
  };
  for (const auto& [change, lines] : changes) {
    auto out = look(change);
    CHECK(out.ever);
    CHECK_FALSE(out.found);
    CHECK(out.changed == lines);
  }
  // Another target has nothing to be compared with.
  CHECK_FALSE(look([](Compile& c) { c.call.request.target.name = "x86-64-v4"; }).ever);
}

TEST_CASE("failures are not cached") {
  CachedCompiles cached;
  CHECK(cached.run(nullptr, "refuses").outcome.kind == OutcomeKind::refused);
  CHECK_FALSE(cached.run(nullptr, "refuses").from_cache);
  CHECK(cached.cache.list()->empty());
}

TEST_CASE("damaged entries are noticed, dropped and made anew") {
  const std::vector<std::function<void(const fs::path&)>> damages = {
      [](const fs::path& entry) { write_file(entry / "files/model.bin", "bl0b"); },
      [](const fs::path& entry) { write_file(entry / "files/model.bin", "blo"); },
      [](const fs::path& entry) { fs::remove(entry / "files/model.bin"); },
      [](const fs::path& entry) { fs::remove(entry / "entry.json"); },
      [](const fs::path& entry) { write_file(entry / "entry.json", "{"); },
      [](const fs::path& entry) {
        std::string text = read_file(entry / "entry.json");
        text.replace(text.find("model.bin"), 9, "../../bad");
        write_file(entry / "entry.json", text);
      },
  };
  for (std::size_t i = 0; i < damages.size(); ++i) {
    INFO("damage " << i);
    CachedCompiles cached;
    std::string key = cached.run().key;
    damages[i](cached.entry(key));
    CHECK_FALSE(cached.run().from_cache);
    CHECK(cached.run().from_cache);

    damages[i](cached.entry(key));
    auto verified = cached.cache.verify(nullptr);
    REQUIRE(verified);
    CHECK(verified->good == 0);
    CHECK(verified->damaged == Lines{key});
    CHECK_FALSE(fs::exists(cached.entry(key)));
  }
}

TEST_CASE("an entry that appears while somebody looks for it stays") {
  CachedCompiles cached;
  Compile once("good");
  const Compiled made = once.run();
  const json::Value response = protocol::to_json(made.response);
  std::size_t lost = 0;
  for (int i = 0; i < 100; ++i) {
    const std::string key = crypto::sha256(std::to_string(i)).hex();
    const fs::path out = cached.root.path() / std::to_string(i);
    fs::create_directories(out);
    std::atomic<bool> stored = false;
    std::jthread looks([&] {
      while (!stored && !cached.cache.fetch(key, out, nullptr).value()) {
      }
    });
    REQUIRE(cached.cache.store(key, json::Object{}, response, made.files));
    stored = true;
    looks.join();
    if (!fs::exists(cached.entry(key))) ++lost;
  }
  CHECK(lost == 0);
}

TEST_CASE("ten builds at once compile each thing once") {
  CachedCompiles cached;
  Backend good = backend_named("good");
  std::vector<std::unique_ptr<Compile>> compiles;
  for (int i = 0; i < 10; ++i) {
    compiles.push_back(std::make_unique<Compile>("good"));
    compiles.back()->call.cache = &cached.cache;
  }
  std::atomic<int> compiled = 0;
  std::atomic<int> from_cache = 0;
  {
    std::vector<std::jthread> threads;
    for (auto& one : compiles) {
      threads.emplace_back([&] {
        auto result = compile(one->call);
        if (result && result->outcome.ok()) ++(result->from_cache ? from_cache : compiled);
      });
    }
  }
  CHECK(compiled == 1);
  CHECK(from_cache == 9);
}

TEST_CASE("pruning removes the longest unused first") {
  CachedCompiles cached;
  std::vector<std::string> keys;
  for (int i = 0; i < 3; ++i) {
    keys.push_back(cached.run([&](Compile& c) { c.call.request.options["n"] = i; }).key);
    fs::last_write_time(cached.entry(keys.back()) / "entry.json",
                        fs::file_time_type::clock::now() - std::chrono::hours(10 - i));
  }
  CHECK(cached.run([&](Compile& c) { c.call.request.options["n"] = 0; })
            .from_cache);  // used: newest now
  auto entries = cached.cache.list();
  REQUIRE(entries);
  REQUIRE(entries->size() == 3);
  CHECK((*entries)[0].backend == "good");
  CHECK((*entries)[0].target == "x86-64-v3");
  CHECK((*entries)[0].size == 4);
  CHECK(*cached.cache.prune(8) == 4);
  CHECK(fs::exists(cached.entry(keys[0])));
  CHECK_FALSE(fs::exists(cached.entry(keys[1])));
  CHECK(fs::exists(cached.entry(keys[2])));
  CHECK(*cached.cache.prune(0) == 8);
  CHECK(cached.cache.list()->empty());
}

TEST_CASE("waiting for a lock can be cancelled") {
  CachedCompiles cached;
  auto held = cached.cache.lock(std::string(64, 'a'), nullptr);
  REQUIRE(held);
  CancelFlag cancel;
  cancel.set();
  auto second = cached.cache.lock(std::string(64, 'a'), &cancel);
  REQUIRE_FALSE(second);
  CHECK(second.error().kind() == ErrorKind::cancelled);
}

}  // namespace
}  // namespace onnxpack::backend::test
