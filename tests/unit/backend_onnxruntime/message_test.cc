#include <catch2/catch_test_macros.hpp>

#include "options.h"
#include "ort_message.h"

namespace onnxpack::ort_backend {
namespace {

// As ONNX Runtime 1.31.1 writes them.
constexpr const char* ir_text =
    "Load model from v14.onnx failed:/onnxruntime_src/onnxruntime/core/graph/model.cc:256 "
    "onnxruntime::Model::Model(onnx::ModelProto&&, const "
    "onnxruntime::PathString&, const onnxruntime::IOnnxRuntimeOpSchemaRegistryList*, const "
    "onnxruntime::logging::Logger&, const "
    "onnxruntime::ModelOptions&) Unsupported model IR version: 14, max supported IR version: 13\n";
constexpr const char* opset_text =
    "Load model from v28.onnx failed:/onnxruntime_src/onnxruntime/core/graph/model_load_utils.h:46 "
    "void "
    "onnxruntime::model_load_utils::ValidateOpsetForDomain(const "
    "std::unordered_map<std::__cxx11::basic_string<char>, int>&, const "
    "onnxruntime::logging::Logger&, bool, const std::string&, int) ONNX Runtime only *guarantees* "
    "support for models stamped with official "
    "released onnx opset versions. Opset 28 is under development and support for this is limited. "
    "The operator schemas and or other "
    "functionality may change before next ONNX release and in this case ONNX Runtime will not "
    "guarantee backward compatibility. Current official "
    "support for domain ai.onnx is till opset 26.\n";

TEST_CASE("messages: source locations and signatures go, the text stays on one line") {
  CHECK(tidy_message(ir_text) ==
        "Load model from v14.onnx failed: Unsupported model IR version: 14, max supported IR "
        "version: 13");
  CHECK(tidy_message("a\nb.") == "a b");
  CHECK(tidy_message("/x/y.cc:7 void a::(anonymous namespace)::f(int) const Broken.") == "Broken");
  CHECK(tidy_message("see model.cc:12") == "see model.cc:12");
  CHECK(tidy_message("see /a/b.cc:12 unclosed(").starts_with("see"));
  CHECK(tidy_message("").empty());
}

TEST_CASE("messages: version refusals name both sides") {
  const auto explained = [](const char* text) {
    return explain_version(Error(ErrorKind::internal, tidy_message(text)), "1.31.1");
  };
  CHECK(explained(ir_text).message() == "onnxruntime 1.31.1 loads IR up to 13, the model has 14");
  CHECK(explained(ir_text).kind() == ErrorKind::unsupported);
  CHECK(explained(opset_text).message() ==
        "onnxruntime 1.31.1 loads opset up to 26 of domain ai.onnx, the model has 28");
  CHECK_FALSE(explained(opset_text).hint().empty());
  CHECK(explained("something else").kind() == ErrorKind::internal);
}

TEST_CASE("options: typed and textual values, errors by name") {
  CHECK(parse_options({}).value().variant == VariantKind::automatic);
  CHECK(parse_options({{"variant", "extended"}, {"max_added_share", "0.25"}})
            .value()
            .max_added_share == 0.25);
  CHECK(parse_options({{"max_added_share", 1}}).value().max_added_share == 1);
  CHECK(parse_options({{"session_options", json::object({{"session.x", "1"}})}})
            .value()
            .session_options.size() == 1);
  const auto message = [](const json::Object& options) { return parse_options(options).error(); };
  CHECK(message({{"variant", "fast"}}).message() ==
        "option onnxruntime.variant: expected auto, extended, all or none, found \"fast\"");
  CHECK(message({{"max_added_share", "-1"}}).message() ==
        "option onnxruntime.max_added_share: expected a number from 0, found \"-1\"");
  CHECK(message({{"session_options", json::object({{"a", 1}})}}).message() ==
        "option onnxruntime.session_options.a: expected a text, found 1");
  CHECK(message({{"varaint", "all"}}).hint() == "did you mean onnxruntime.variant?");
}

}  // namespace
}  // namespace onnxpack::ort_backend
