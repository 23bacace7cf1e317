// The documents that the schema is tested with are what the typed code writes and reads.
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "onnxpack/json/value.h"
#include "onnxpack/target/target.h"

using namespace onnxpack;
using namespace onnxpack::target;

namespace {

const std::filesystem::path data = std::filesystem::path(ONNXPACK_TEST_DATA) / "target";

std::string read(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  REQUIRE(in);
  return std::string((std::istreambuf_iterator<char>(in)), {});
}

}  // namespace

TEST_CASE("a profile keeps its bytes", "[documents]") {
  Target phone = *find_profile("qualcomm-sm8650");
  std::string text = json::canonical(to_json(phone));
  if (std::getenv("ONNXPACK_REWRITE") != nullptr)
    std::ofstream(data / "phone.json", std::ios::binary) << text;
  CHECK(read(data / "phone.json") == text);
  auto back = target_from_json(*json::parse(text));
  REQUIRE(back);
  CHECK(*back == phone);
}

TEST_CASE("a target written by hand is read", "[documents]") {
  auto kiosk = target_from_json(*json::parse(read(data / "kiosk.json")));
  REQUIRE(kiosk);
  CHECK(kiosk->name == "kiosk");
  CHECK(kiosk->facts["x86_64.level"].back() == "v3");
  CHECK(kiosk->facts["libc.glibc"].empty());
  CHECK(kiosk->backend_options.contains("onnxruntime"));
}
