#include "onnxpack/extents/finder.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "byte_window.h"
#include "onnxpack/extents/content.h"
#include "ternary_heads.h"
#include "window_table.h"

namespace onnxpack::extents {
namespace {

// 16 Ki sites of 16 windows each: a table of 16 MiB, and a filter of 512 KiB that stays near the
// core. Eight times as many take twice as long where little matches (tests/bench extents).
constexpr std::uint64_t max_sites = std::uint64_t{1} << 14;
constexpr std::uint64_t least_distance = 64;
// A site's windows and what they read: positions p to p+15, 32 bytes each.
constexpr std::size_t site_size = step_size + window_size - 1;
// A matrix in another form has one place to be found at, so it gets four steps of windows: where the
// first of them is a fill (zeros are common among ternary weights) the next ones are not.
constexpr std::size_t head_windows = 4 * step_size;
constexpr std::size_t head_size = head_windows + window_size - 1;
// Sites further apart than this are read one by one, nearer ones with all that lies between.
constexpr std::uint64_t sparse_distance = 8192;
constexpr std::uint64_t least_transposed = 1024;

std::uint64_t distance_for(std::uint64_t bytes) {
  return std::max(least_distance, bytes / max_sites / least_distance * least_distance);
}

Status check(const CancelFlag* cancel) {
  return cancel == nullptr ? Status() : cancel->check();
}

}  // namespace

struct Finder::State {
  explicit State(std::uint64_t expected)
      : distance(distance_for(expected)), table(expected / distance * step_size) {}

  struct Match {
    std::uint64_t begin = 0;  // in the blob
    Extent extent;            // size 0: none
  };
  class Search;

  void note_site(const std::byte* site, std::uint32_t source, std::uint64_t offset) {
    for (std::size_t i = 0; i < step_size; ++i) table.prefetch(site + i);
    for (std::size_t i = 0; i < step_size; ++i) {
      if (!is_fill(load_word(site + i))) table.insert(site + i, {offset + i, source});
    }
  }
  Status note_range(const io::ReadableFile& file, std::uint32_t source, const Range& range,
                    const CancelFlag* cancel);
  Status note_transposed(const io::ReadableFile& file, std::uint32_t source, const Range& range);
  Status note_ternary(const io::ReadableFile& file, std::uint32_t source, const Range& range);
  void note_whole(const std::byte* begin, const Extent& extent);

  std::uint64_t distance;
  WindowTable table;
  std::vector<std::shared_ptr<const io::ReadableFile>> sources;
  std::vector<Extent> whole;  // matrices in another form, found by their first bytes
};

void Finder::State::note_whole(const std::byte* begin, const Extent& extent) {
  whole.push_back(extent);
  auto number = static_cast<std::uint32_t>(whole.size());
  for (std::size_t i = 0; i < head_windows; ++i) {
    if (!is_fill(load_word(begin + i))) table.insert(begin + i, {i, extent.source, number});
  }
}

// Codes of ternary weights are made from whole matrices, too.
Status Finder::State::note_ternary(const io::ReadableFile& file, std::uint32_t source,
                                   const Range& range) {
  ONNXPACK_TRY(auto heads, ternary_heads(file, range, head_size));
  for (const TernaryHead& head : heads) {
    note_whole(head.begin.data(), {.size = head.size,
                                   .offset = range.offset,
                                   .source = source,
                                   .transformation = Transformation::ternary,
                                   .ternary = head.ternary});
  }
  return {};
}

// A transposed tensor is found by its first bytes and as a whole: what a compiler folds, it folds
// whole.
Status Finder::State::note_transposed(const io::ReadableFile& file, std::uint32_t source,
                                      const Range& range) {
  const Matrix& matrix = range.matrix;
  if (matrix.rows < 2 || matrix.columns < 2 || matrix.size() != range.size ||
      range.size < least_transposed)
    return {};
  // The transpose begins with the matrix's first column, and goes on with the second.
  std::array<std::byte, head_size + word_size> begin;
  std::size_t filled = 0;
  for (std::uint64_t i = 0; filled < head_size; ++i) {
    std::uint64_t element = i % matrix.rows * matrix.columns + i / matrix.rows;
    auto to = std::span(begin).subspan(filled, static_cast<std::size_t>(matrix.element));
    ONNXPACK_CHECK(file.read_at(range.offset + element * matrix.element, to));
    filled += to.size();
  }
  note_whole(begin.data(), {.size = range.size,
                            .offset = range.offset,
                            .source = source,
                            .transformation = Transformation::transpose,
                            .parameters = transpose_parameters(matrix)});
  return {};
}

Status Finder::State::note_range(const io::ReadableFile& file, std::uint32_t source,
                                 const Range& range, const CancelFlag* cancel) {
  ByteWindow bytes(file);
  std::array<std::byte, site_size> alone;
  for (std::uint64_t at = 0; at + site_size <= range.size; at += distance) {
    std::uint64_t offset = range.offset + at;
    if (distance >= sparse_distance) {
      ONNXPACK_CHECK(file.read_at(offset, alone));
      note_site(alone.data(), source, offset);
      continue;
    }
    ONNXPACK_TRY(ByteView view, bytes.from(offset, site_size));
    note_site(view.data(), source, offset);
    if ((at & 0xFFFFFF) < distance) ONNXPACK_CHECK(check(cancel));
  }
  return {};
}

// One pass over a blob.
class Finder::State::Search {
 public:
  Search(const State& state, const io::ReadableFile& blob)
      : state_(state), blob_(blob), compared_(blob), size_(blob.size()) {}

  Result<std::vector<Extent>> run(const CancelFlag* cancel) {
    std::uint64_t at = 0;
    while (at + window_size <= size_) {
      ONNXPACK_CHECK(check(cancel));
      ONNXPACK_TRY(ByteView view, blob_.from(at, window_size));
      ONNXPACK_TRY(at, scan(view, at));
    }
    add_literal(size_);
    place_in_residual(extents_);
    return std::move(extents_);
  }

 private:
  // Looks at `view`, which stands at `at`, up to the first match, and says where to go on.
  Result<std::uint64_t> scan(ByteView view, std::uint64_t at) {
    for (std::size_t i = 0; i + window_size <= view.size(); i += step_size) {
      i = state_.table.skip(view, i);
      if (i + window_size > view.size()) break;
      const std::byte* here = view.data() + i;
      auto place = state_.table.find(here);
      if (!place) continue;
      ONNXPACK_TRY(Match match,
                   place->matrix == 0 ? extend(at + i, *place) : compare_whole(at + i, *place));
      if (match.extent.size < least_match) continue;
      add_match(match);
      return covered_;
    }
    std::uint64_t done = (view.size() - window_size) / step_size * step_size + step_size;
    return at + done;
  }

  Result<Match> extend(std::uint64_t at, Place place) {
    auto [window, added] = sources_.try_emplace(place.source, *state_.sources[place.source - 1]);
    ByteWindow& source = window->second;
    ONNXPACK_TRY(std::uint64_t after,
                 equal_forward(compared_, at, source, place.offset,
                               std::min(size_ - at, source.size() - place.offset)));
    // 32 equal bytes were found by hash; fewer means two windows of one hash.
    if (after < window_size) return Match{};
    ONNXPACK_TRY(std::uint64_t before, equal_backward(compared_, at, source, place.offset,
                                                      std::min(at - covered_, place.offset)));
    return Match{at - before,
                 {.size = before + after, .offset = place.offset - before, .source = place.source}};
  }

  Result<Match> compare_whole(std::uint64_t at, Place place) {
    const Extent& extent = state_.whole[place.matrix - 1];
    if (at < covered_ + place.offset || extent.size > size_ - (at - place.offset)) return Match{};
    const io::ReadableFile& source = *state_.sources[place.source - 1];
    auto made = extent.transformation == Transformation::transpose
                    ? transposed(source, extent.offset, matrix_of(extent.size, extent.parameters))
                    : ternary_file(source, extent.offset, nullptr, extent.ternary);
    ByteWindow expected(*made);
    ONNXPACK_TRY(std::uint64_t equal,
                 equal_forward(compared_, at - place.offset, expected, 0, extent.size));
    if (equal < extent.size) return Match{};
    return Match{at - place.offset, extent};
  }

  void add_match(const Match& match) {
    add_literal(match.begin);
    extents_.push_back(match.extent);
    covered_ = match.begin + match.extent.size;
  }

  void add_literal(std::uint64_t end) {
    if (end == covered_) return;
    extents_.push_back({.size = end - covered_});
    covered_ = end;
  }

  const State& state_;
  ByteWindow blob_;
  ByteWindow compared_;
  std::map<std::uint32_t, ByteWindow> sources_;
  std::uint64_t size_;
  std::uint64_t covered_ = 0;
  std::vector<Extent> extents_;
};

Finder::Finder(std::uint64_t expected_bytes) : state_(std::make_unique<State>(expected_bytes)) {}
Finder::Finder(Finder&&) noexcept = default;
Finder& Finder::operator=(Finder&&) noexcept = default;
Finder::~Finder() = default;

std::uint64_t Finder::sampling_distance() const {
  return state_->distance;
}

Status Finder::add_source(std::shared_ptr<const io::ReadableFile> file,
                          std::span<const Range> ranges, const CancelFlag* cancel) {
  state_->sources.push_back(std::move(file));
  auto number = static_cast<std::uint32_t>(state_->sources.size());
  for (const Range& range : ranges) {
    ONNXPACK_CHECK(check(cancel));
    ONNXPACK_CHECK(state_->note_range(*state_->sources.back(), number, range, cancel));
    ONNXPACK_CHECK(state_->note_transposed(*state_->sources.back(), number, range));
    ONNXPACK_CHECK(state_->note_ternary(*state_->sources.back(), number, range));
  }
  return {};
}

Result<std::vector<Extent>> Finder::find(const io::ReadableFile& blob,
                                         const CancelFlag* cancel) const {
  return State::Search(*state_, blob).run(cancel);
}

}  // namespace onnxpack::extents
