#include <algorithm>
#include <cstring>

#include "banded_file.h"
#include "onnxpack/extents/content.h"

namespace onnxpack::extents {
namespace {

constexpr std::uint64_t band_limit = std::uint64_t{8} << 20;

template <typename Element>
void scatter(const std::byte* source, std::uint64_t rows, std::uint64_t columns, std::byte* out,
             std::uint64_t out_row) {
  // Some rows at a time, so that what is written to one place fills a cache line: row by row takes
  // four times as long.
  constexpr std::uint64_t together = std::max<std::uint64_t>(64 / sizeof(Element), 16);
  for (std::uint64_t first = 0; first < rows; first += together) {
    std::uint64_t last = std::min(first + together, rows);
    for (std::uint64_t j = 0; j < columns; ++j) {
      for (std::uint64_t i = first; i < last; ++i) {
        std::memcpy(out + (j * out_row + i) * sizeof(Element),
                    source + (i * columns + j) * sizeof(Element), sizeof(Element));
      }
    }
  }
}

class Transposed final : public BandedFile {
 public:
  Transposed(const io::ReadableFile& file, std::uint64_t offset, const Matrix& matrix)
      : file_(&file), offset_(offset), matrix_(matrix) {
    band_columns_ =
        std::clamp<std::uint64_t>(band_limit / (matrix.rows * matrix.element), 1, matrix.columns);
  }

  std::uint64_t size() const override { return matrix_.size(); }
  const io::fs::path& path() const override { return file_->path(); }

 private:
  std::uint64_t band_bytes() const override {
    return band_columns_ * matrix_.rows * matrix_.element;
  }

  // Columns [number * band_columns_, ...) of the source as rows of the result.
  Status make_band(std::uint64_t number) const override {
    std::uint64_t first = number * band_columns_;
    std::uint64_t columns = std::min(band_columns_, matrix_.columns - first);
    std::uint64_t row = columns * matrix_.element;
    band_.resize(static_cast<std::size_t>(row * matrix_.rows));
    Bytes piece;
    // Whole rows are read many at once, parts of rows one by one.
    std::uint64_t at_once =
        columns == matrix_.columns ? std::max<std::uint64_t>((std::uint64_t{1} << 20) / row, 1) : 1;
    for (std::uint64_t i = 0; i < matrix_.rows; i += at_once) {
      std::uint64_t rows = std::min(at_once, matrix_.rows - i);
      piece.resize(static_cast<std::size_t>(rows * row));
      std::uint64_t from = offset_ + (i * matrix_.columns + first) * matrix_.element;
      ONNXPACK_CHECK(file_->read_at(from, piece));
      scatter(piece.data(), rows, columns, i);
    }
    return {};
  }

  void scatter(const std::byte* piece, std::uint64_t rows, std::uint64_t columns,
               std::uint64_t first_row) const {
    std::byte* out = band_.data() + first_row * matrix_.element;
    switch (matrix_.element) {
      case 1:
        return extents::scatter<std::uint8_t>(piece, rows, columns, out, matrix_.rows);
      case 2:
        return extents::scatter<std::uint16_t>(piece, rows, columns, out, matrix_.rows);
      case 4:
        return extents::scatter<std::uint32_t>(piece, rows, columns, out, matrix_.rows);
      default:
        return extents::scatter<std::uint64_t>(piece, rows, columns, out, matrix_.rows);
    }
  }

  const io::ReadableFile* file_;
  std::uint64_t offset_;
  Matrix matrix_;
  std::uint64_t band_columns_;
};

}  // namespace

std::unique_ptr<io::ReadableFile> transposed(const io::ReadableFile& file, std::uint64_t offset,
                                             const Matrix& matrix) {
  return std::make_unique<Transposed>(file, offset, matrix);
}

}  // namespace onnxpack::extents
