// Runs a fuzzer's committed corpus through it once, for builds without libFuzzer.
// usage: fuzz_<name> FOLDER...     an absent folder is an empty corpus; the empty input is always tried
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

std::vector<std::filesystem::path> corpus_files(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  if (!std::filesystem::is_directory(folder)) return files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

void run(const std::vector<char>& bytes) {
  // A fresh allocation of exactly this size, so that AddressSanitizer sees a read of one byte too many.
  std::vector<std::uint8_t> exact(bytes.begin(), bytes.end());
  exact.shrink_to_fit();
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t count = 1;
  run({});
  for (int i = 1; i < argc; ++i) {
    for (const auto& file : corpus_files(argv[i])) {
      std::ifstream in(file, std::ios::binary);
      run({std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()});
      ++count;
    }
  }
  std::printf("%zu inputs replayed\n", count);
  return 0;
}
