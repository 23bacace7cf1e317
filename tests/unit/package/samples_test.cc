// Packages in the tree: golden ones, which open for ever, and damaged ones, each refused in words
// of its own (tests/data/package).
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <fstream>
#include <map>

#include <fmt/format.h>

#include "fixtures.h"
#include "onnxpack/base/text.h"
#include "onnxpack/crypto/digest.h"
#include "onnxpack/package/extract.h"
#include "onnxpack/package/package_file.h"
#include "onnxpack/package/verify.h"

namespace onnxpack::package::testing {
namespace {

const std::filesystem::path data = ONNXPACK_TEST_DATA "/package";

// What is said of a file: where it was refused, and in which words.
std::string describe(const std::filesystem::path& path) {
  auto package = PackageFile::open(io::real_file_system(), path);
  if (!package) {
    // The words without the path of this checkout.
    std::string message = package.error().message();
    message = message.substr(std::min(message.size(), path.string().size() + 2));
    return fmt::format("open\t{}\t{}", to_string(package.error().kind()), message);
  }
  auto report = verify(quiet_environment(), *package, {.integrity_only = true});
  if (!report) return fmt::format("verify\t{}", report.error().message());
  for (const auto& check : report->integrity) {
    if (check.status != CheckStatus::failed) continue;
    std::string detail = check.detail;
    if (auto at = detail.find(path.string()); at != detail.npos)
      detail.erase(at, path.string().size() + 2);
    return fmt::format("verify\t{}\t{}", check.name, detail);
  }
  return "accepted";
}

}  // namespace

TEST_CASE("golden packages open, verify and keep their ids") {
  auto versions = io::real_file_system().list(data / "golden");
  REQUIRE(versions);
  for (const std::string& version : *versions) {
    std::ifstream ids(data / "golden" / version / "ids.tsv");
    int count = 0;
    for (std::string line; std::getline(ids, line); ++count) {
      auto fields = split(line, '\t');
      REQUIRE(fields.size() == 3);
      auto path = data / "golden" / version / fields[0];
      INFO(path);
      CHECK(crypto::sha256(read_file(path)).hex() == fields[2]);
      CHECK(describe(path) == "accepted");
      auto package = PackageFile::open(io::real_file_system(), path);
      REQUIRE(package);
      CHECK(package->id() == fields[1]);
      Folder folder;
      auto environment = quiet_environment();
      CHECK(extract(environment, *package, {.what = ExtractWhat::all, .output = folder / "all"}));
      CHECK(extract(environment, *package,
                    {.what = ExtractWhat::original, .output = folder / "original"}));
    }
    CHECK(count > 0);
  }
}

TEST_CASE("every damaged package is refused in the expected words") {
  std::map<std::string, std::string> found;
  auto files = io::real_file_system().list(data / "damaged");
  REQUIRE(files);
  for (const auto& name : *files) found[name] = describe(data / "damaged" / name);
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
  std::map<std::string, std::string> by_words;
  for (const auto& [name, words] : found) {
    CAPTURE(name);
    CHECK(words == expected[name]);
    CHECK(words != "accepted");
    auto [other, fresh] = by_words.emplace(words, name);
    INFO("the same words as " << other->second);
    CHECK(fresh);
  }
  CHECK(found.size() == expected.size());
}

TEST_CASE("the damaged packages are what their script makes") {
  if (std::system("python3 --version > /dev/null 2>&1") != 0) SKIP("no python3");
  CHECK(std::system(
            fmt::format("python3 '{}' --check", (data / "make_damaged.py").string()).c_str()) == 0);
}

}  // namespace onnxpack::package::testing
