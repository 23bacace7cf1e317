#include <catch2/catch_test_macros.hpp>
#include <cstring>

#include "description.h"
#include "graph_inputs.h"
#include "message.h"
#include "onnxpack/io/memory_file_system.h"
#include "options.h"

namespace onnxpack::openvino_backend {
namespace {

TEST_CASE("messages: places in OpenVINO's sources go, the text stays on one line") {
  // As OpenVINO 2026.4.1 writes them.
  CHECK(tidy_message("Exception from src/inference/src/cpp/core.cpp:84:\n"
                     "Check 'false' failed at src/frontends/common/src/frontend.cpp:47:\n"
                     "Loading input model\n"
                     "Invalid usage of method for externally stored data in file (w.bin, offset: "
                     "0, data_length: 24)\n\n\n") ==
        "external data is missing or too short: (w.bin, offset: 0, data_length: 24)");
  CHECK(tidy_message("Exception from src/a.cpp:1:\n") == "Exception from src/a.cpp:1:");
  CHECK(tidy_message("same\nsame\nother.") == "same; other");
  CHECK(tidy_message("").empty());
}

TEST_CASE("messages: what OpenVINO cannot do is no defect") {
  const Error error = to_error(
      "Exception from src/inference/src/dev/plugin.cpp:59:\nCheck 'false' failed at "
      "src/frontends/common_translators/src/unconverted_ops_report.cpp:151:\nFrontEnd API failed "
      "with OpConversionFailure:\nModel wasn't fully converted.\nSummary:\n-- No conversion rule "
      "found for operations: Frobnicate-17\n\n\n");
  CHECK(error.kind() == ErrorKind::unsupported);
  CHECK(error.message() ==
        "Model wasn't fully converted; No conversion rule found for operations: Frobnicate-17");
  CHECK(to_error("Could not open the file").kind() == ErrorKind::internal);
}

TEST_CASE("options: values, errors by name, and the list agrees with the parser") {
  CHECK(parse_options({}).value().format == Format::automatic);
  CHECK(parse_options({{"format", "ir"}}).value().format == Format::ir);
  CHECK(parse_options({{"precision", "bf16"}}).value().precision == Precision::bf16);
  CHECK(parse_options({{"properties", json::object({{"NUM_STREAMS", "1"}})}})
            .value()
            .properties.at("NUM_STREAMS") == "1");
  CHECK(parse_options({{"format", "xml"}}).error().message() ==
        "option openvino.format: expected auto, ir or blob, found \"xml\"");
  CHECK(parse_options({{"precision", 32}}).error().message() ==
        "option openvino.precision: expected f32, f16 or bf16, found 32");
  CHECK(parse_options({{"properties", json::object({{"A", 1}})}}).error().message() ==
        "option openvino.properties.A: expected a text, found 1");
  CHECK(parse_options({{"fromat", "ir"}}).error().hint() == "did you mean openvino.format?");
  for (const auto& info : option_infos()) {
    const json::Value* preset = info.schema.find("default");
    REQUIRE(preset != nullptr);
    CHECK(parse_options({{info.name, *preset}}));
  }
}

TEST_CASE("options: the device and its properties come from the target") {
  target::Target target;
  target.name = "t";
  CHECK(device_of(target).value().name == "CPU");
  target.backend_options["openvino"] = json::object({{"device", "NPU"}, {"NPU_PLATFORM", "4000"}});
  CHECK(device_of(target).value().name == "NPU");
  CHECK(device_of(target).value().properties == Properties{{"NPU_PLATFORM", "4000"}});
  target.backend_options["openvino"] = json::object({{"device", 7}});
  CHECK(device_of(target).error().message() == "target 't': openvino.device is 7, expected a text");
}

TEST_CASE("serves: every CPU profile that names OpenVINO, no phone, no other GPU") {
  const auto served = [](const char* name) {
    return protocol::serves(description(), target::find_profile(name).value()).served;
  };
  for (const char* name :
       {"x86-64-v2", "x86-64-v4", "zen4", "aarch64", "intel-gpu", "intel-npu-4000"})
    CHECK(served(name));
  for (const char* name : {"riscv64", "qualcomm-sm8650", "vulkan", "cuda-sm_80", "apple-metal"})
    CHECK_FALSE(served(name));
}

// ---- names of dimensions ----

std::string message(int field, const std::string& body) {
  return std::string{static_cast<char>(field << 3 | 2), static_cast<char>(body.size())} + body;
}
std::string input(const std::string& name, const std::string& dimensions) {
  return message(11, message(1, name) + message(2, message(1, message(2, dimensions))));
}

Result<std::vector<DimensionName>> names_in(const std::string& content) {
  io::MemoryFileSystem disk;
  REQUIRE(disk.write_text("m.onnx", content, io::Overwrite::yes));
  const auto file = disk.open("m.onnx");
  REQUIRE(file);
  return dimension_names(**file);
}

TEST_CASE(
    "dimension names: by input and index; numbers, nodes and unknown fields are passed over") {
  const std::string three{"\x08\x03", 2};
  const std::string fixed32{"\x7d\x01\x02\x03\x04", 5};
  const std::string graph =
      message(1, "a node") + fixed32 +
      input("ids", message(1, message(2, "batch")) + message(1, message(2, "n"))) +
      input("x", message(1, three) + message(1, message(2, "batch")));
  const auto found = names_in("\x08\x08" + message(7, graph));
  REQUIRE(found);
  REQUIRE(found->size() == 3);
  CHECK(found->at(0).input == "ids");
  CHECK(found->at(1).name == "n");
  CHECK(found->at(1).index == 1);
  CHECK(found->at(2).input == "x");
  CHECK(found->at(2).index == 1);
  CHECK(names_in("").value().empty());
}

TEST_CASE("dimension names: damage is refused wherever it cuts") {
  const std::string whole = message(7, input("x", message(1, message(2, "batch"))));
  for (std::size_t size = 1; size < whole.size(); ++size)
    CHECK(names_in(whole.substr(0, size)).error().kind() == ErrorKind::corrupt);
  CHECK(names_in("this is not a model").error().kind() == ErrorKind::corrupt);
  CHECK(names_in(std::string(11, '\xff')).error().kind() == ErrorKind::corrupt);
}

}  // namespace
}  // namespace onnxpack::openvino_backend
