// One sample per rule, each with its own words (tests/data/archive/expected.tsv).
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include <fmt/format.h>

#include "helpers.h"

namespace onnxpack::archive::test {
namespace {

const io::fs::path data = ONNXPACK_TEST_DATA "/archive";

Bytes load(const io::fs::path& path) {
  auto file = io::real_file_system().open(path);
  REQUIRE(file);
  auto bytes = (*file)->read(0, (*file)->size());
  REQUIRE(bytes);
  return *bytes;
}

std::string describe(const Reading& reading) {
  if (!reading.error) return "accepted";
  return fmt::format("{}\t{}\t{}", reading.stage, to_string(reading.error->kind()),
                     reading.error->message());
}

// What the reader says to every file in damaged/, one line each.
std::map<std::string, std::string> refusals() {
  std::map<std::string, std::string> out;
  auto files = io::real_file_system().list(data / "damaged");
  REQUIRE(files);
  for (const std::string& name : *files)
    out[name] = describe(read_fully(load(data / "damaged" / name)));
  return out;
}

TEST_CASE("every damaged sample is refused in the expected words") {
  auto found = refusals();
  // Writes the words down anew; read the difference before committing it.
  if (std::getenv("ONNXPACK_REWRITE_EXPECTED") != nullptr) {
    std::ofstream out(data / "expected.tsv");
    for (const auto& [name, words] : found) out << name << '\t' << words << '\n';
  }
  std::map<std::string, std::string> expected;
  std::ifstream in(data / "expected.tsv");
  for (std::string line; std::getline(in, line);) {
    auto tab = line.find('\t');
    expected[line.substr(0, tab)] = line.substr(tab + 1);
  }
  for (const auto& [name, words] : found) {
    CAPTURE(name);
    CHECK(words == expected[name]);
    CHECK(words != "accepted");
  }
  CHECK(found.size() == expected.size());
}

TEST_CASE("no two rules share their words") {
  std::map<std::string, std::string> by_words;
  // The same rule seen from two sides.
  const std::set<std::string> siblings = {"file-half.zip", "file-short.zip",
                                          "end-comment-longer.zip", "central-folder.zip"};
  for (const auto& [name, words] : refusals()) {
    if (siblings.contains(name)) continue;
    auto [other, fresh] = by_words.emplace(words, name);
    INFO(name << " and " << other->second << ": " << words);
    CHECK(fresh);
  }
}

TEST_CASE("the damaged samples are what their script makes") {
  if (!has_python()) SKIP("no python3, which makes the samples again");
  auto script = (data / "make_damaged.py").string();
  CHECK(std::system(fmt::format("python3 '{}' --check", script).c_str()) == 0);
}

}  // namespace
}  // namespace onnxpack::archive::test
