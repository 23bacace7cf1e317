// One worker of the fast kernels: walks with a tile of queries over the keys and keeps what belongs
// to them: running maximum and sum, and the output before it is divided.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "flex_attention/kernel.h"
#include "flex_attention/room.h"
#include "flex_attention/tile_plan.h"
#include "flex_attention/tile_program.h"

namespace onnxpack::kernels::flex {

class Worker {
 public:
  // `score` and `prob` are null with the call's; one_pass: prob is homogeneous or not there.
  // No tile has more than `widest` queries.
  Worker(const Call& call, const TileOps& ops, const TileProgram* score, const TileProgram* prob,
         bool one_pass, std::size_t widest);

  // Nothing attended to yet. `next` is the tile that comes after, null if none.
  void start(const QueryTile& tile, const QueryTile* next);
  // Keys [first, last).
  void attend(std::int64_t first, std::int64_t last);
  // Divides by the sums and writes the tile's rows of Y.
  void write(const QueryTile& tile);

  // What parts of a tile's keys are put together from: out[lane * lane_step + e * size_step].
  struct State {
    std::size_t lanes, lane_step, size_step;
    float *maximum, *sum, *out;
  };
  State state();
  const TileCounts& counts() const { return counts_; }
  bool out_of_range() const {
    return (score_ && score_->out_of_range()) || (prob_ && prob_->out_of_range());
  }

 private:
  enum class Pass : std::uint8_t { scores, values };
  // The rows (keys) of a tile that some lanes of a panel see.
  struct Panel {
    std::size_t lane, count, begin, end;
  };
  struct Rows {
    const float* data;
    std::size_t stride;
    std::size_t step;  // from row to row, as stride but where V is turned
  };

  std::size_t row_number(const QueryTile& tile, std::int64_t lane) const;
  float root() const;
  void make_room(std::size_t widest);
  std::size_t few_limit() const;
  void load_queries(const QueryTile& tile);
  void load_few_queries(const std::byte* from, std::size_t count);
  void start_programs(const QueryTile& tile);
  void plan_fetches(const QueryTile& tile, const QueryTile* next);
  void fetch_later(Ahead& ahead, std::int64_t first);
  Ahead bytes(const void* base, std::int64_t row_size, std::int64_t first, std::int64_t last) const;

  void attend_to(std::int64_t first, std::int64_t last);
  void walk(std::int64_t first, std::int64_t last, Pass pass);
  void visit(std::int64_t first, std::size_t rows, TileClass what, Pass pass);
  bool trim(std::int64_t first, std::size_t rows);
  void join_panels();
  Panel trimmed(std::size_t lane, std::int64_t first, std::size_t rows);
  void score(std::int64_t first, TileClass what);
  void score_panels(std::int64_t begin, std::int64_t end, bool weights);
  void fold_panels(Pass pass, bool packs);
  void visit_few(std::int64_t begin, std::size_t rows, TileClass what, Pass pass);
  void score_few(std::int64_t begin, std::size_t rows, TileClass what, Reading& keys);
  std::int64_t few_rows() const;
  void turn_to_lanes(std::size_t rows);
  void turn_to_rows(std::size_t rows);
  void weigh(std::int64_t first, bool packed);
  const ProductOps& few_products() const;
  const ProductOps& products() const;
  std::size_t depth() const;
  Rows value_rows(const float* block, std::size_t row) const;
  Rows keys_of(std::int64_t first, std::size_t rows);
  Rows values_of(std::int64_t first, std::size_t rows);
  Rows convert_keys(std::int64_t first, std::size_t rows, std::size_t at);
  Rows convert_values(std::int64_t first, std::size_t rows, std::size_t at);
  template <typename Convert>
  void ready_block(std::vector<bool>& ready, std::int64_t first, Convert&& convert);
  void round_scores(float* scores, std::size_t count);
  void clear_unseen();

  const Call& call_;
  const Arguments& a_;
  const TileOps& ops_;
  const PairOps* pairs_;
  std::size_t element_bytes_;
  KeyScale key_scale_;
  bool one_pass_;
  bool may_trim_ = false;
  bool zero_stays_ = true;
  bool skip_masked_ = true;  // in the second pass
  bool final_ = false;       // out is the result, not to be divided by the sums
  std::optional<TileRunner> score_;
  std::optional<TileRunner> prob_;
  // Converted rows of a head that several tiles of queries meet are kept, if they are few: which
  // are there, by most_rows.
  bool keeps_ = false;
  std::vector<bool> keys_ready_, values_ready_;
  std::size_t pair_stride_, few_stride_, out_stride_;
  Room room_;
  Floats queries_, tile_, few_tile_, packed_, out_, maximum_, sum_, factor_, keys_, values_, rows_;
  std::size_t lanes_ = 0;
  std::size_t few_ = 0;    // how many queries, if they take the loops for few
  bool in_order_ = false;  // few_in_order
  std::size_t lead_ = 0;   // Reading::lead_left of the last tile of those
  std::int64_t kv_ = 0;
  std::int64_t last_key_ = 0;
  std::array<Panel, most_lanes / panel_lanes> panels_{};
  std::size_t panel_count_ = 0;
  std::size_t begin_ = 0, end_ = 0;  // rows that any panel sees
  int worth_trimming_ = 2;
  std::array<Ahead, 3> later_{};
  std::size_t later_count_ = 0;
  TileCounts counts_;
};

}  // namespace onnxpack::kernels::flex
