#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "banded_file.h"
#include "onnxpack/base/checked.h"
#include "onnxpack/base/text.h"
#include "onnxpack/extents/ternary.h"
#include "ternary_codes.h"

namespace onnxpack::extents {
namespace {

// Trits in memory at once.
constexpr std::uint64_t band_limit = std::uint64_t{2} << 20;

// Trits as [columns, rows] from [rows, columns].
void turn(std::span<const std::int8_t> trits, std::uint64_t rows, std::uint64_t columns,
          std::span<std::int8_t> out) {
  constexpr std::uint64_t together = 64;
  for (std::uint64_t first = 0; first < rows; first += together) {
    const std::uint64_t last = std::min(first + together, rows);
    for (std::uint64_t j = 0; j < columns; ++j)
      for (std::uint64_t i = first; i < last; ++i)
        out[static_cast<std::size_t>(j * rows + i)] =
            trits[static_cast<std::size_t>(i * columns + j)];
  }
}

// What bands are made in. A thread keeps one for all files, since each of its own would be
// megabytes per weight; while a band is made it is taken away, so that a source may be such a file
// too.
struct Scratch {
  Bytes buffer;
  std::vector<std::int8_t> trits;
  std::vector<std::int8_t> turned;
};
class Borrowed {
 public:
  Borrowed() : scratch_(std::exchange(of_thread(), {})) {}
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;
  ~Borrowed() { of_thread() = std::move(scratch_); }
  Scratch& operator*() { return scratch_; }

 private:
  static Scratch& of_thread() {
    thread_local Scratch kept;
    return kept;
  }
  Scratch scratch_;
};

class TernaryFile final : public BandedFile {
 public:
  TernaryFile(const io::ReadableFile& source, std::uint64_t offset, const io::ReadableFile* scales,
              const Ternary& ternary)
      : source_(&source), offset_(offset), scales_file_(scales), ternary_(ternary) {
    const std::uint64_t fits = band_limit / ternary.columns / row_step * row_step;
    band_rows_ = std::min(std::max(fits, row_step), ternary.rows);
    band_bytes_ = *ternary_bytes(ternary.to, band_rows_, ternary.columns);
    size_ = *ternary_bytes(ternary.to, ternary.rows, ternary.columns);
  }

  std::uint64_t size() const override { return size_; }
  const io::fs::path& path() const override { return source_->path(); }

 private:
  std::uint64_t band_bytes() const override { return band_bytes_; }

  Status make_band(std::uint64_t number) const override {
    const std::uint64_t first = number * band_rows_;
    const std::uint64_t rows = std::min(band_rows_, ternary_.rows - first);
    Borrowed borrowed;
    Scratch& scratch = *borrowed;
    ONNXPACK_CHECK(in(load_trits(first, rows, scratch), printable(path().string())));
    band_.resize(static_cast<std::size_t>(*ternary_bytes(ternary_.to, rows, ternary_.columns)));
    if (is_real(ternary_.to)) {
      ONNXPACK_CHECK(load_scales());
      ternary_.to == TernaryForm::float32 ? multiply<std::uint32_t>(first, rows, scratch)
                                          : multiply<std::uint16_t>(first, rows, scratch);
    } else {
      auto layout =
          kernels::ternary::layout_of(codes_format(ternary_.to), {rows, ternary_.columns});
      auto bytes = std::span(reinterpret_cast<std::uint8_t*>(band_.data()), band_.size());
      if (!layout || !kernels::ternary::encode(*layout, scratch.trits, bytes))
        return fail(ErrorKind::internal, "trits do not encode");
    }
    return {};
  }

  Status load_trits(std::uint64_t first, std::uint64_t rows, Scratch& scratch) const {
    TernaryAt from{source_, offset_, ternary_.from, ternary_.rows, ternary_.columns};
    auto& [buffer, trits, turned] = scratch;
    trits.resize(static_cast<std::size_t>(rows * ternary_.columns));
    if (!ternary_.transposed)
      return read_trits(from, {first, rows, 0, ternary_.columns}, buffer, trits);
    std::swap(from.rows, from.columns);
    turned.resize(trits.size());
    ONNXPACK_CHECK(read_trits(from, {0, ternary_.columns, first, rows}, buffer, turned));
    turn(turned, ternary_.columns, rows, trits);
    return {};
  }

  Status load_scales() const {
    if (!scales_.empty()) return {};
    ONNXPACK_TRY(auto sizes, check_ternary(ternary_));
    ONNXPACK_TRY(scales_, scales_file_->read(ternary_.scale_offset, sizes.scales));
    return {};
  }

  template <typename Bits>
  Bits scale(std::size_t index) const {
    Bits out;
    std::memcpy(&out, scales_.data() + index * sizeof(Bits), sizeof(Bits));
    return out;
  }

  template <typename Bits>
  void multiply(std::uint64_t first, std::uint64_t rows, const Scratch& scratch) const {
    constexpr Bits sign = static_cast<Bits>(Bits{1} << (8 * sizeof(Bits) - 1));
    const ScaleSteps steps = scale_steps(ternary_);
    const std::uint64_t columns = ternary_.columns;
    const std::int8_t* trits = scratch.trits.data();
    for (std::uint64_t r = 0; r < rows; ++r) {
      for (std::uint64_t begin = 0; begin < columns;) {
        // As far as one scale goes.
        const std::uint64_t end =
            steps.transposed ? begin + 1 : std::min(columns, begin + steps.block);
        const Bits plus = scale<Bits>(steps.index(first + r, begin));
        const Bits values[3] = {static_cast<Bits>(plus ^ sign), 0, plus};
        for (std::uint64_t c = begin; c < end; ++c) {
          const auto at = static_cast<std::size_t>(r * columns + c);
          const Bits value = values[trits[at] + 1];
          std::memcpy(band_.data() + at * sizeof(Bits), &value, sizeof(Bits));
        }
        begin = end;
      }
    }
  }

  const io::ReadableFile* source_;
  std::uint64_t offset_;
  const io::ReadableFile* scales_file_;
  Ternary ternary_;
  std::uint64_t size_ = 0;
  std::uint64_t band_rows_ = 0;
  std::uint64_t band_bytes_ = 0;
  mutable Bytes scales_;
};

}  // namespace

std::unique_ptr<io::ReadableFile> ternary_file(const io::ReadableFile& source, std::uint64_t offset,
                                               const io::ReadableFile* scales,
                                               const Ternary& ternary) {
  return std::make_unique<TernaryFile>(source, offset, scales, ternary);
}

}  // namespace onnxpack::extents
