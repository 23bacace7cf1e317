// What of plug-in execution providers needs no vendor's library: where it is looked for, what a
// target and the options make of the settings, what the compiled model says.
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>

#include "compiled_model.h"
#include "input_shapes.h"
#include "options.h"
#include "plugin_library.h"
#include "provider.h"
#include "wire.h"

namespace onnxpack::ort_backend {
namespace {

namespace fs = std::filesystem;

ByteView view(std::string_view text) {
  return std::as_bytes(std::span(text));
}

Bytes message(std::initializer_list<std::pair<std::uint32_t, Bytes>> fields) {
  Bytes out;
  for (const auto& [number, content] : fields) wire::append_bytes_field(out, number, content);
  return out;
}

Bytes text(std::string_view content) {
  const ByteView bytes = view(content);
  return Bytes(bytes.begin(), bytes.end());
}

Bytes context_node(std::uint64_t embed_mode, std::string_view content) {
  Bytes mode = message({{1, text("embed_mode")}});
  wire::append_varint_field(mode, 3, embed_mode);
  const Bytes cache = message({{1, text("ep_cache_context")}, {4, text(content)}});
  return message({{4, text("EPContext")}, {5, mode}, {5, cache}, {7, text("com.microsoft")}});
}

Bytes plain_node(std::string_view type) {
  return message({{4, text(type)}});
}

class Folder {
 public:
  Folder() : path_(fs::temp_directory_path() / ("onnxpack-qnn-" + std::to_string(::getpid()))) {
    fs::create_directories(path_);
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const fs::path& path() const { return path_; }
  void write(const char* name, std::string_view content) const {
    std::ofstream(path_ / name) << content;
  }

 private:
  fs::path path_;
};

target::Target profile(const char* name) {
  return target::find_profile(name).value();
}

TEST_CASE("compiled model: contexts, their files, nodes left and metadata are told apart") {
  const Bytes graph = message({{1, context_node(0, "a.bin")},
                               {1, context_node(0, "b.bin")},
                               {1, context_node(0, "a.bin")},
                               {1, plain_node("GatherND")},
                               {1, plain_node("Cast")},
                               {1, plain_node("Cast")}});
  const Bytes entry = message({{1, text("ep_compatibility_info.X")}, {2, text("v2:6")}});
  const auto model = read_compiled_model(message({{7, graph}, {14, entry}}));
  REQUIRE(model);
  CHECK(model->contexts == 3);
  CHECK_FALSE(model->embedded);
  CHECK(model->files == std::vector<std::string>{"a.bin", "b.bin"});
  CHECK(model->nodes_left() == 3);
  CHECK(model->left_text() == "2 Cast, 1 GatherND");
  CHECK(model->metadata.at("ep_compatibility_info.X") == "v2:6");
}

TEST_CASE(
    "compiled model: an embedded context names no file; an EPContext of another domain is none") {
  const Bytes foreign = message({{4, text("EPContext")}, {7, text("example.org")}});
  const auto model =
      read_compiled_model(message({{7, message({{1, context_node(1, "bytes")}, {1, foreign}})}}));
  REQUIRE(model);
  CHECK(model->contexts == 1);
  CHECK(model->embedded);
  CHECK(model->files.empty());
  CHECK(model->left_text() == "1 EPContext");
}

TEST_CASE("compiled model: cut short at any byte it is corrupt or smaller, never misread") {
  const Bytes model =
      message({{7, message({{1, context_node(0, "a.bin")}, {1, plain_node("Cast")}})}});
  for (std::size_t size = 1; size < model.size(); ++size) {
    const auto cut = read_compiled_model(ByteView(model).first(size));
    REQUIRE_FALSE(cut);
    CHECK(cut.error().kind() == ErrorKind::corrupt);
  }
}

Bytes dimension(std::optional<std::uint64_t> value, std::string_view name) {
  Bytes out;
  if (value) wire::append_varint_field(out, 1, *value);
  if (!name.empty()) wire::append_bytes_field(out, 2, view(name));
  return out;
}

Bytes input(std::string_view name, std::initializer_list<Bytes> dimensions) {
  Bytes shape;
  for (const Bytes& one : dimensions) wire::append_bytes_field(shape, 1, one);
  return message({{1, text(name)}, {2, message({{1, message({{2, shape}})}})}});
}

TEST_CASE(
    "dynamic inputs: the option to type has a question mark for each number that is missing") {
  const Bytes weight = message({{8, text("w")}});
  const Bytes graph =
      message({{11, input("x", {dimension({}, "batch"), dimension(3, ""), dimension({}, "")})},
               {11, input("w", {dimension({}, "n")})},
               {11, input("fixed", {dimension(2, "")})},
               {5, weight}});
  const Bytes model = message({{7, graph}});
  const auto found = dynamic_inputs(model, {}, {});
  REQUIRE(found);
  CHECK(*found == std::vector<DynamicInput>{{"x", "[batch,3,?]", "--input-shape x:?,3,?"}});
  CHECK(dynamic_inputs(model, {{"batch", 4}}, {}).value().front().option ==
        "--input-shape x:4,3,?");
  CHECK(dynamic_inputs(model, {}, {{"x", {1, 3, 7}}}).value().empty());
}

TEST_CASE("provider: from the profile, the options over it, nothing for CPUs") {
  const target::Target phone = profile("qualcomm-sm8650");
  const auto plain = provider_of(phone, {});
  REQUIRE(plain);
  REQUIRE(plain->has_value());
  CHECK((*plain)->ep == "QNNExecutionProvider");
  CHECK((*plain)->options.at("htp_arch") == "75");
  CHECK((*plain)->options.at("soc_model") == "57");
  CHECK((*plain)->options.at("enable_htp_fp16_precision") == "1");

  Options options;
  options.fp16 = false;
  options.vtcm_mb = "4";
  options.ep_options = {{"htp_performance_mode", "burst"}, {"soc_model", "69"}};
  const auto changed = provider_of(phone, options);
  CHECK((*changed)->options.at("enable_htp_fp16_precision") == "0");
  CHECK((*changed)->options.at("vtcm_mb") == "4");
  CHECK((*changed)->options.at("soc_model") == "69");
  CHECK((*changed)->options.at("htp_performance_mode") == "burst");

  options.ep = "CPUExecutionProvider";
  CHECK_FALSE(provider_of(phone, options)->has_value());
  CHECK_FALSE(provider_of(profile("x86-64-v3"), {})->has_value());
}

TEST_CASE("provider: a QNN target without its numbers is refused with the option to give") {
  target::Target bare = profile("x86-64-v3");
  bare.name = "board";
  Options options;
  options.ep = "QNNExecutionProvider";
  const auto refused = provider_of(bare, options);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message() ==
        "target 'board' does not say the htp_arch that QNN compiles for");
  CHECK(refused.error().hint() == "give --backend-option board/onnxruntime.htp_arch=NUMBER");
}

const target::Requirement* find(const std::vector<target::Requirement>& needs, target::Test test) {
  for (const auto& need : needs) {
    if (need.feature == "qualcomm.htp_arch" && need.test == test) return &need;
  }
  return nullptr;
}

TEST_CASE("provider: requirements follow what was compiled, of several SoCs the least") {
  const target::Target phone = profile("qualcomm-sm8650");
  Options options;
  const auto needs = [&](const char* arch) {
    options.htp_arch = arch;
    return requirements_of_blob(phone, *provider_of(phone, options).value(), "npu");
  };
  CHECK(find(needs("75"), target::Test::at_least)->values == std::vector<std::string>{"75"});
  CHECK(find(needs("81,79"), target::Test::at_least)->values == std::vector<std::string>{"79"});
  CHECK(find(needs("69"), target::Test::at_most) != nullptr);
  // v69 and v75 in one blob: the limit of the old one does not hold for the new one.
  CHECK(find(needs("69,75"), target::Test::at_most) == nullptr);
  CHECK(find(needs("69,75"), target::Test::at_least)->values == std::vector<std::string>{"69"});
}

TEST_CASE("plug-in: an option or a variable is looked at and nothing else") {
  CHECK(qnn_candidates({"/a/x.so", "/b/y.so", "/c", "/d/prog", "/e/o.so"}) ==
        std::vector<fs::path>{"/a/x.so"});
  CHECK(qnn_candidates({"", "/b/y.so", "/c", "", ""}) == std::vector<fs::path>{"/b/y.so"});
  CHECK(qnn_candidates({"", "", "/c", "/d/prog", ""}) ==
        std::vector<fs::path>{fs::path("/c") / qnn_library_name,
                              fs::path("/c/lib") / qnn_library_name});
  const auto found = qnn_candidates(
      {"", "", "", "/i/libexec/onnx-pack/prog", "/deps/onnxruntime/lib/libonnxruntime.so"});
  CHECK(found ==
        std::vector<fs::path>{fs::path("/i/libexec/onnx-pack") / qnn_library_name,
                              fs::path("/i/lib/onnx-pack") / qnn_library_name,
                              fs::path("/deps/backends/onnxruntime-qnn/lib") / qnn_library_name,
                              fs::path("/deps/onnxruntime_qnn") / qnn_library_name});
}

TEST_CASE("plug-in: absent, incomplete and complete") {
  const Folder folder;
  const LibrarySearch search{"", "", folder.path().string(), "", ""};
  const auto absent = find_qnn(search);
  REQUIRE_FALSE(absent);
  CHECK(absent.error().kind() == ErrorKind::unavailable);
  CHECK(absent.error().hint().starts_with("run cmake/setup.sh --backend onnxruntime-qnn"));

  folder.write(qnn_library_name, "not loaded here");
  const auto incomplete = find_qnn(search);
  REQUIRE_FALSE(incomplete);
  CHECK(
      incomplete.error().message().ends_with("Qualcomm's compiler libQnnHtp.so is not beside it"));

  folder.write(qnn_compiler_name, "");
  const auto unnamed = find_qnn(search);
  REQUIRE(unnamed);
  CHECK(unnamed->version.starts_with("fnv1a:"));
  CHECK(unnamed->sdk_version.empty());

  folder.write("build_and_package_info.py",
               "package_name = 'p'\n__version__ = '2.7.0'\nqnn_version = '2.51.0'\n");
  const auto named = find_qnn(search);
  REQUIRE(named);
  CHECK(named->version == "2.7.0");
  CHECK(named->sdk_version == "2.51.0");
}

TEST_CASE("options of plug-in providers: texts and JSON values, each wrong one named") {
  const auto good = parse_options(json::Object{{"prepare", "off"},
                                               {"embed", true},
                                               {"fp16", "false"},
                                               {"htp_arch", 75},
                                               {"soc_model", "57,69"},
                                               {"ep_options", json::object({{"a", "b"}})}});
  REQUIRE(good);
  CHECK_FALSE(good->prepare);
  CHECK(good->embed);
  CHECK_FALSE(good->fp16);
  CHECK(good->htp_arch == "75");
  CHECK(good->soc_model == "57,69");
  CHECK(good->ep_options.at("a") == "b");
  const auto message_of = [](const char* key, json::Value value) {
    json::Object options;
    options[key] = std::move(value);
    return parse_options(options).error().message();
  };
  CHECK(message_of("prepare", "maybe") ==
        "option onnxruntime.prepare: expected on or off, found \"maybe\"");
  CHECK(message_of("htp_arch", "75,") ==
        "option onnxruntime.htp_arch: expected whole numbers from 1, by commas, found \"75,\"");
  CHECK(message_of("vtcm_mb", 0) ==
        "option onnxruntime.vtcm_mb: expected whole numbers from 1, by commas, found 0");
  CHECK(message_of("ep_options", json::object({{"a", 1}})) ==
        "option onnxruntime.ep_options.a: expected a text, found 1");
}

}  // namespace
}  // namespace onnxpack::ort_backend
