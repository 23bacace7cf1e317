#include "onnxpack/io/safe_path.h"

#include <catch2/catch_test_macros.hpp>
#include <map>

namespace onnxpack::io {
namespace {

TEST_CASE("portable relative names are accepted") {
  for (std::string_view name : {"a", "a/b/c.onnx", ".hidden", "..hidden", "a..b", "größe/模型.onnx",
                                "console.txt", "com0", "null", "a b", "-", "lpt10.txt"}) {
    CAPTURE(name);
    CHECK(check_relative_name(name));
  }
  CHECK(check_relative_name(std::string(255, 'x')));
}

TEST_CASE("unsafe names are refused, each with its reason") {
  const std::map<std::string, std::string> reasons = {
      {"", "is empty"},
      {"/a", "is absolute"},
      {"a\\b", "has a backslash"},
      {"C:a", "has a colon (a drive letter or a stream on Windows)"},
      {".", "has a '.' component"},
      {"a/./b", "has a '.' component"},
      {"..", "has a '..' component"},
      {"a/..", "has a '..' component"},
      {"a//b", "has an empty component"},
      {"a/", "has an empty component"},
      {std::string("a\0b", 3), "has a control character"},
      {"a\nb", "has a control character"},
      {"a\x7f", "has a control character"},
      {"\xff", "is not valid UTF-8"},
      {std::string(256, 'x'), "has a component of more than 255 bytes"},
      {"CON", "has a component that Windows reserves for a device"},
      {"a/nul.txt", "has a component that Windows reserves for a device"},
      {"Com1.tar.gz", "has a component that Windows reserves for a device"},
      {"a.", "has a component that ends in a dot or a space"},
      {"a /b", "has a component that ends in a dot or a space"},
  };
  for (const auto& [name, reason] : reasons) {
    CAPTURE(name);
    auto refused = check_relative_name(name);
    REQUIRE(!refused);
    CHECK(refused.error().kind() == ErrorKind::corrupt);
    CHECK(refused.error().message().ends_with("': it " + reason));
    CHECK(!join_beneath("/root", name));
  }
  std::string long_name;
  while (long_name.size() <= 4096) long_name += "component/";
  CHECK(check_relative_name(long_name + "x")
            .error()
            .message()
            .ends_with("it is longer than 4096 bytes"));
}

TEST_CASE("join_beneath stays beneath") {
  CHECK(*join_beneath("/root", "a/b") == "/root/a/b");
  CHECK(*join_beneath("root", "a") == "root/a");
}

TEST_CASE("names that case-insensitive file systems mix up fold to the same text, others do not") {
  CHECK(fold_case("Model.ONNX") == fold_case("model.onnx"));
  CHECK(fold_case("ÄÖÜÉ") == fold_case("äöüé"));
  CHECK(fold_case("ΑΒΓ") == fold_case("αβγ"));
  CHECK(fold_case("МОДЕЛЬ") == fold_case("модель"));
  CHECK(fold_case("Š") == fold_case("š"));
  CHECK(fold_case("×") != fold_case("÷"));
  CHECK(fold_case("a") != fold_case("b"));
  CHECK(fold_case("模型") == "模型");
  CHECK(fold_case("\xc3") == "\xc3");  // half of a character is left alone
  for (std::string_view name : {"A", "Ä", "Ω", "Ж", "Ÿx", "模型"})
    CHECK(fold_case(fold_case(name)) == fold_case(name));
}

}  // namespace
}  // namespace onnxpack::io
