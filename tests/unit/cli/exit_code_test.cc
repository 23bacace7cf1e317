#include "exit_code.h"

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

#include <fmt/format.h>
#include <catch2/catch_test_macros.hpp>

namespace onnxpack::cli {
namespace {

constexpr ErrorKind all_kinds[] = {
    ErrorKind::invalid_argument, ErrorKind::not_found,   ErrorKind::already_exists,
    ErrorKind::corrupt,          ErrorKind::unsupported, ErrorKind::incompatible,
    ErrorKind::untrusted,        ErrorKind::unavailable, ErrorKind::io,
    ErrorKind::cancelled,        ErrorKind::partial,     ErrorKind::internal};

TEST_CASE("every kind of error has an exit code of the table, and none is success") {
  for (ErrorKind kind : all_kinds) {
    ExitCode code = exit_code_of(kind);
    INFO(to_string(kind));
    CHECK(code != ExitCode::ok);
    CHECK(std::ranges::any_of(exit_codes(),
                              [&](const ExitCodeInfo& info) { return info.code == code; }));
  }
}

TEST_CASE("every exit code but 0 and 10 is reached by some kind of error, and only a bug is 1") {
  std::set<ExitCode> reached{ExitCode::ok, ExitCode::differs};
  for (ErrorKind kind : all_kinds) reached.insert(exit_code_of(kind));
  CHECK(reached.size() == exit_codes().size());
  CHECK(exit_code_of(ErrorKind::internal) == ExitCode::internal);
  CHECK(exit_code_of(ErrorKind::cancelled) == ExitCode::interrupted);
}

TEST_CASE("codes are unique, ascending, and have names and meanings") {
  int last = -1;
  for (const ExitCodeInfo& info : exit_codes()) {
    CHECK(static_cast<int>(info.code) > last);
    last = static_cast<int>(info.code);
    CHECK_FALSE(info.name.empty());
    CHECK_FALSE(info.meaning.empty());
  }
}

TEST_CASE("docs/exit-codes.md prints the table as it is") {
  std::ifstream file(ONNXPACK_TEST_DATA "/../../docs/exit-codes.md");
  std::stringstream text;
  text << file.rdbuf();
  for (const ExitCodeInfo& info : exit_codes()) {
    std::string row = fmt::format("| {} | {} | {} | {} |", static_cast<int>(info.code), info.name,
                                  info.meaning, info.what_to_do);
    INFO(row);
    CHECK(text.str().find(row) != std::string::npos);
  }
}

}  // namespace
}  // namespace onnxpack::cli
