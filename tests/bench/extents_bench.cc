// What finding and putting together of extents costs, per GB of blob.
//
// usage: bench_extents [MiB] [rounds]
//
// A source of random bytes in a file, seen as 2-D tensors of 2 MiB, and three blobs of the same
// size: the source's tensors in another order at odd offsets with 1 KiB of noise between them (much
// matches), noise (nothing matches), the tensors transposed. In each round every case runs once, in
// turn, beside a plain read of both files and a copy of the blob. Figures are CPU seconds of this
// process per 10^9 bytes of blob, median and range over the rounds; files are warm.
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "onnxpack/extents/content.h"
#include "onnxpack/extents/finder.h"

namespace {

using namespace onnxpack;
using extents::Extent;
using extents::Matrix;
using extents::Range;

constexpr std::uint64_t tensor_size = std::uint64_t{2} << 20;
constexpr Matrix shape{4, 1024, 512};

template <typename T>
T must(Result<T> result) {
  if (result) return std::move(*result);
  fmt::print(stderr, "{}\n", result.error().message());
  std::exit(1);
}
void must(Status status) {
  if (status) return;
  fmt::print(stderr, "{}\n", status.error().message());
  std::exit(1);
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

struct Files {
  io::FileSystem& disk = io::real_file_system();
  io::TemporaryDirectory folder = must(io::TemporaryDirectory::create(disk, "onnxpack-bench-"));
  std::mt19937_64 random{1};

  Bytes noise(std::uint64_t size) {
    Bytes out(size);
    for (std::size_t i = 0; i + 8 <= size; i += 8) {
      std::uint64_t word = random();
      std::memcpy(out.data() + i, &word, 8);
    }
    return out;
  }
  std::shared_ptr<const io::ReadableFile> write(
      const std::string& name, const std::function<void(io::WritableFile&)>& fill) {
    auto file = must(disk.create(folder.path() / name));
    fill(*file);
    must(file->publish_unsynced(io::Overwrite::yes));
    return must(disk.open(folder.path() / name));
  }
};

struct Case {
  std::string name;
  std::vector<double> seconds_per_gb;
};

void print(const Case& line) {
  auto sorted = line.seconds_per_gb;
  std::ranges::sort(sorted);
  fmt::print("  {:<44} {:>7.3f} s/GB   {:.3f} to {:.3f}\n", line.name, sorted[sorted.size() / 2],
             sorted.front(), sorted.back());
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t tensors = (argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 512) / 2;
  int rounds = argc > 2 ? std::atoi(argv[2]) : 5;
  Files files;
  auto source = files.write("source", [&](io::WritableFile& out) {
    for (std::uint64_t i = 0; i < tensors; ++i) must(out.write(files.noise(tensor_size)));
  });
  std::vector<Range> ranges;
  for (std::uint64_t i = 0; i < tensors; ++i)
    ranges.push_back({i * tensor_size, tensor_size, shape});
  std::map<std::string, std::shared_ptr<const io::ReadableFile>> blobs;
  blobs["find: much matches"] = files.write("much", [&](io::WritableFile& out) {
    for (std::uint64_t i = 0; i < tensors; ++i) {
      must(out.write(ByteView(files.noise(1024)).first(1021)));
      must(out.append_from(*source, (i * 7 % tensors) * tensor_size, tensor_size));
    }
  });
  blobs["find: nothing matches"] = files.write("nothing", [&](io::WritableFile& out) {
    for (std::uint64_t i = 0; i < tensors; ++i) must(out.write(files.noise(tensor_size)));
  });
  blobs["find: transposed"] = files.write("transposed", [&](io::WritableFile& out) {
    for (std::uint64_t i = 0; i < tensors; ++i)
      must(out.append_from(*extents::transposed(*source, i * tensor_size, shape), 0, tensor_size));
  });

  std::map<std::string, Case> cases;
  auto time = [&](const std::string& name, std::uint64_t bytes, const std::function<void()>& work) {
    double before = cpu_seconds();
    work();
    Case& line = cases[name];
    line.name = name;
    line.seconds_per_gb.push_back((cpu_seconds() - before) / (static_cast<double>(bytes) * 1e-9));
  };
  std::map<std::string, std::uint64_t> residual;
  for (int round = 0; round < rounds; ++round) {
    for (const auto& [name, blob] : blobs) {
      std::vector<Extent> found;
      time(name, blob->size(), [&] {
        extents::Finder finder(source->size());
        must(finder.add_source(source, ranges));
        found = must(finder.find(*blob));
      });
      residual[name] = 0;
      for (const Extent& extent : found)
        residual[name] += extent.source == extents::residual_source ? extent.size : 0;
      if (name == "find: nothing matches") continue;
      time("put together: " + name.substr(6), blob->size(), [&] {
        files.write("out", [&](io::WritableFile& out) {
          for (const Extent& extent : found) {
            if (extent.transformation == extents::Transformation::transpose) {
              must(out.append_from(*extents::transposed(*source, extent.offset, shape), 0,
                                   extent.size));
            } else {
              must(out.append_from(*source, extent.source == 0 ? 0 : extent.offset, extent.size));
            }
          }
        });
      });
      time("copy of the blob (what cp does)", blob->size(), [&] {
        files.write("copy",
                    [&](io::WritableFile& out) { must(out.append_from(*blob, 0, blob->size())); });
      });
    }
    time("read of source and blob alone", source->size(), [&] {
      for (const auto& file : {source, blobs.begin()->second})
        must(io::for_each_piece(*file, 0, file->size(), [](ByteView) { return Status(); }));
    });
  }
  fmt::print("extents, {} MiB of source and of each blob, {} rounds, CPU seconds per GB of blob\n",
             tensors * 2, rounds);
  for (const auto& [name, line] : cases) print(line);
  for (const auto& [name, bytes] : residual)
    fmt::print("  {:<44} {:>7.2f} % stays literal\n", name,
               100.0 * static_cast<double>(bytes) / static_cast<double>(blobs[name]->size()));
}
