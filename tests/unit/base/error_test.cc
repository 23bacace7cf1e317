#include "onnxpack/base/error.h"

#include <catch2/catch_test_macros.hpp>
#include <set>

#include <unistd.h>
#include <filesystem>
#include <fstream>
#include "onnxpack/base/cancel.h"
#include "onnxpack/base/log.h"

using namespace onnxpack;

namespace {

Result<int> half(int value) {
  if (value % 2 != 0) return fail(ErrorKind::invalid_argument, "odd", "give an even number");
  return value / 2;
}

Result<int> quarter(int value) {
  ONNXPACK_TRY(int once, in(half(value), "first"));
  ONNXPACK_TRY(int twice, in(half(once), "second"));
  return twice;
}

}  // namespace

TEST_CASE("context is added outermost first and the hint stays apart", "[error]") {
  CHECK(quarter(8) == 2);
  auto bad = in(quarter(6), "file");
  REQUIRE_FALSE(bad);
  CHECK(bad.error().message() == "file: second: odd");
  CHECK(bad.error().hint() == "give an even number");
  CHECK(bad.error().kind() == ErrorKind::invalid_argument);
  CHECK(bad.error().in("copy").message() == "copy: file: second: odd");
  CHECK(bad.error().message() == "file: second: odd");
}

TEST_CASE("every kind has its own name", "[error]") {
  std::set<std::string_view> names;
  for (auto kind : {ErrorKind::invalid_argument, ErrorKind::not_found, ErrorKind::already_exists,
                    ErrorKind::corrupt, ErrorKind::unsupported, ErrorKind::incompatible,
                    ErrorKind::untrusted, ErrorKind::unavailable, ErrorKind::io,
                    ErrorKind::cancelled, ErrorKind::partial, ErrorKind::internal}) {
    names.insert(to_string(kind));
  }
  CHECK(names.size() == 12);
}

TEST_CASE("a cancel flag stops once set", "[cancel]") {
  CancelFlag flag;
  CHECK(flag.check().has_value());
  flag.set();
  auto status = flag.check();
  REQUIRE_FALSE(status);
  CHECK(status.error().kind() == ErrorKind::cancelled);
}

TEST_CASE("the log keeps what is at least as grave as asked and drops the rest", "[log]") {
  auto file =
      std::filesystem::temp_directory_path() / ("onnxpack-log-test-" + std::to_string(::getpid()));
  log::info("before any file: dropped");
  REQUIRE(log::open_file(file, log::Level::info));
  log::debug("too small");
  log::info("kept line");
  log::close();
  log::error("after the end: dropped");
  std::ifstream in(file);
  std::string text((std::istreambuf_iterator<char>(in)), {});
  std::filesystem::remove(file);
  CHECK(text.find("kept line") != std::string::npos);
  CHECK(text.find("too small") == std::string::npos);
  CHECK(text.find("dropped") == std::string::npos);
  auto nowhere = log::open_file("/proc/no/such/folder/log", log::Level::info);
  REQUIRE_FALSE(nowhere);
  CHECK(nowhere.error().kind() == ErrorKind::io);
}
