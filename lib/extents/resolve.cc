#include "onnxpack/extents/resolve.h"

#include <algorithm>
#include <optional>

namespace onnxpack::extents {
namespace {

// Extents of a source, to be looked up by the place of their bytes in it.
class Pieces {
 public:
  explicit Pieces(const HeldAs& held)
      : held_(held), residual_begin_(map_size(held.extents.size())) {
    std::uint64_t at = 0;
    for (const Extent& extent : held.extents) {
      begins_.push_back(at);
      at += extent.size;
    }
  }

  std::size_t index_at(std::uint64_t offset) const {
    auto after = std::ranges::upper_bound(begins_, offset);
    return static_cast<std::size_t>(after - begins_.begin()) - 1;
  }
  const Extent& extent(std::size_t index) const { return held_.extents[index]; }
  std::uint64_t begin(std::size_t index) const { return begins_[index]; }

  // The extent itself, as one of another member's: what is in this residual is in a source there.
  Extent outside(std::size_t index) const {
    Extent out = extent(index);
    if (out.source == residual_source) {
      out.source = held_.map;
      out.offset += residual_begin_;
    }
    const bool scales = out.transformation == Transformation::ternary && is_real(out.ternary.to);
    if (scales && out.ternary.scale_source == residual_source) {
      out.ternary.scale_source = held_.map;
      out.ternary.scale_offset += residual_begin_;
    }
    out.parameters = out.transformation == Transformation::ternary ? 0 : out.parameters;
    return out;
  }

 private:
  const HeldAs& held_;
  std::uint64_t residual_begin_;
  std::vector<std::uint64_t> begins_;
};

Ternary turned(Ternary ternary) {
  std::swap(ternary.rows, ternary.columns);
  ternary.transposed = !ternary.transposed;
  const bool one = ternary.scales == TernaryScales::tensor || ternary.scales == TernaryScales::none;
  ternary.scales_transposed = !one && !ternary.scales_transposed;
  return ternary;
}

// `extent` makes something of a whole matrix, which `made` makes of something else.
std::optional<Extent> compose(const Extent& extent, const Extent& made) {
  Extent out = made;
  out.size = extent.size;
  if (made.transformation == Transformation::copy) {
    out.transformation = extent.transformation;
    out.parameters = extent.parameters;
    out.ternary = extent.ternary;
    return out;
  }
  if (made.transformation != Transformation::ternary) return std::nullopt;
  if (extent.transformation == Transformation::transpose) {
    out.ternary = turned(made.ternary);
    const Matrix matrix = matrix_of(extent.size, extent.parameters);
    const bool same = matrix.columns == made.ternary.columns && matrix.rows == made.ternary.rows;
    return same ? std::optional(out) : std::nullopt;
  }
  const Ternary& asked = extent.ternary;
  const auto [rows, columns] = asked.transposed ? std::pair(asked.columns, asked.rows)
                                                : std::pair(asked.rows, asked.columns);
  if (asked.from != made.ternary.to || rows != made.ternary.rows || columns != made.ternary.columns)
    return std::nullopt;
  out.ternary = asked;
  out.ternary.from = made.ternary.from;
  out.ternary.transposed = asked.transposed != made.ternary.transposed;
  if (is_real(asked.to) || out.ternary.from != asked.to || out.ternary.transposed) return out;
  // The codes themselves.
  out.transformation = Transformation::copy;
  out.ternary = {};
  return out;
}

class Resolver {
 public:
  explicit Resolver(const std::map<std::uint32_t, HeldAs>& held) {
    for (const auto& [number, how] : held) pieces_.emplace(number, Pieces(how));
  }

  std::vector<Extent> run(std::span<const Extent> extents) {
    for (const Extent& extent : extents) {
      const auto here = pieces_.find(extent.source);
      const bool literal =
          extent.source == residual_source && extent.transformation == Transformation::copy;
      if (literal) {
        add_literal(extent.size);
      } else if (pieces_.contains(extent.ternary.scale_source)) {
        add_literal(extent.size);  // no finder makes such a one
      } else if (here == pieces_.end()) {
        out_.push_back(extent);
      } else if (extent.transformation == Transformation::copy) {
        copy(extent, here->second);
      } else {
        make(extent, here->second);
      }
    }
    place_in_residual(out_);
    return std::move(out_);
  }

 private:
  void copy(const Extent& extent, const Pieces& pieces) {
    std::uint64_t at = extent.offset;
    const std::uint64_t end = extent.offset + extent.size;
    for (std::size_t i = pieces.index_at(at); at < end; ++i) {
      Extent piece = pieces.outside(i);
      const std::uint64_t skip = at - pieces.begin(i);
      const std::uint64_t size = std::min(piece.size - skip, end - at);
      at += size;
      if (piece.transformation != Transformation::copy && size != piece.size) {
        add_literal(size);
        continue;
      }
      piece.size = size;
      piece.offset += skip;
      out_.push_back(piece);
    }
  }

  void make(const Extent& extent, const Pieces& pieces) {
    std::uint64_t source_size = extent.size;
    if (extent.transformation == Transformation::ternary) {
      auto sizes = check_ternary(extent.ternary);
      source_size = sizes ? sizes->source : 0;
    }
    const std::size_t index = pieces.index_at(extent.offset);
    Extent piece = pieces.outside(index);
    const std::uint64_t skip = extent.offset - pieces.begin(index);
    const bool copied = piece.transformation == Transformation::copy;
    const bool covers =
        copied ? source_size <= piece.size - skip : skip == 0 && source_size == piece.size;
    if (copied) piece.offset += skip;
    const auto made = covers ? compose(extent, piece) : std::nullopt;
    made ? out_.push_back(*made) : add_literal(extent.size);
  }

  void add_literal(std::uint64_t size) {
    const bool goes_on = !out_.empty() && out_.back().source == residual_source &&
                         out_.back().transformation == Transformation::copy;
    if (goes_on) {
      out_.back().size += size;
    } else {
      out_.push_back({.size = size});
    }
  }

  std::map<std::uint32_t, Pieces> pieces_;
  std::vector<Extent> out_;
};

}  // namespace

std::vector<Extent> resolve(std::span<const Extent> extents,
                            const std::map<std::uint32_t, HeldAs>& held) {
  return Resolver(held).run(extents);
}

}  // namespace onnxpack::extents
