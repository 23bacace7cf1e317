// A bound program as code for the vector machine: specialised to what is decided in a tile,
// compiled when a decision is first met.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "flex_attention/ranges.h"
#include "flex_attention/tile_ops.h"

namespace onnxpack::kernels::flex {

// Where a value varies: along lanes (queries), rows (keys), both, or neither.
using Varies = std::uint8_t;
inline constexpr Varies varies_no = 0, varies_lane = 1, varies_row = 2, varies_both = 3;

struct CodeValue {
  enum class Kind : std::uint8_t { slot, constant, element } kind = Kind::slot;
  Varies varies = varies_no;
  Storage storage = Storage::f32;
  std::uint32_t number = 0;  // of the slot among those that vary alike, or of the constant
};

struct CodeStep {
  VmFunction function = nullptr;
  CodeValue result;
  std::array<CodeValue, 3> operands;
  std::uint8_t operand_count = 0;
  std::int64_t immediate = 0;
  const void* table = nullptr;
};

struct TileCode {
  std::array<std::vector<CodeStep>, 4> steps;  // by Varies
  std::array<std::uint32_t, 4> slots{};        // how many, by Varies
  std::vector<std::array<std::byte, 8>> constants;
  bool result_in_tile = false;  // the last step writes the tile itself
};

enum class TileClass : std::uint8_t { empty, full, partial };

// Shared by all workers of a call; immutable.
class TileProgram {
 public:
  // Errors: something that the vector machine has no function for; such programs run in the
  // reference.
  static Result<std::unique_ptr<TileProgram>> make(const Binding& binding, const TileOps& ops);

  struct Decisions {
    std::vector<Range> ranges;
    // For each node the one that stands for it here; constant_true and constant_false for booleans
    // that are decided.
    std::vector<NodeId> stand_ins;
  };
  TileClass decide(const Box& box, Decisions& out) const;
  Result<TileCode> compile(const std::vector<NodeId>& stand_ins) const;
  // Whether an element of 0 gives 0 everywhere: what a masked key's probability must stay to be
  // left out.
  bool keeps_zero() const { return keeps_zero_; }
  // Whether it may give -inf for ordinary scores, or decide anything by the indices. Where not,
  // every tile is partial and one decision does for all.
  bool cuts() const { return cuts_; }
  std::int64_t last_key() const { return last_key_; }
  // Whether a table is read at a place that a score decides. Then only scores that are somebody's
  // may be shown to it: any other could be an index beyond the table.
  bool reads_by_element() const { return reads_by_element_; }

 private:
  TileProgram(Program program, std::vector<TableView> tables, const TileOps& ops)
      : program_(std::move(program)),
        tables_(std::move(tables)),
        ops_(ops),
        analysis_(program_, tables_) {}
  Program program_;
  std::vector<TableView> tables_;
  const TileOps& ops_;
  RangeAnalysis analysis_;
  bool keeps_zero_ = false;
  bool cuts_ = true;
  bool reads_by_element_ = false;
  std::int64_t last_key_ = 0;
  std::vector<Range> everywhere_;
  std::vector<Storage> storage_;
  friend class CodeMaker;
};

// One worker's use of a program.
class TileRunner {
 public:
  explicit TileRunner(const TileProgram& program);

  // The queries of the tiles that follow: one entry per lane, padded by repeating the last.
  void start(std::int64_t batch, std::span<const std::int32_t> q, std::span<const std::int32_t> h,
             std::size_t lanes);
  // Keys [first, last]. Partial: apply() then runs the code for it.
  TileClass decide(std::int64_t first, std::int64_t last);
  bool cuts() const { return program_.cuts(); }
  bool reads_by_element() const { return program_.reads_by_element(); }
  // The same as decide(), for the lanes of one panel only; apply() keeps to the last decide().
  TileClass probe(std::size_t panel, std::int64_t first, std::int64_t last);
  void apply(float* tile, std::int64_t first, std::size_t rows);
  bool out_of_range() const { return out_of_range_ != 0; }

 private:
  struct Kept {
    std::vector<NodeId> stand_ins;
    TileCode code;
  };
  void run(const std::vector<CodeStep>& steps, Varies what, std::size_t rows, std::size_t lanes,
           float* tile, std::size_t first_row);
  VmOperand operand(const CodeValue& value, Varies what, float* tile, std::size_t first_row) const;
  std::byte* slot(Varies varies, std::uint32_t number) const;
  void reserve(const TileCode& code);

  const TileProgram& program_;
  TileProgram::Decisions decisions_;
  TileProgram::Decisions probed_;
  std::optional<TileClass> decided_;  // for all keys, of a program that cuts nothing
  std::array<Box, most_lanes / panel_lanes> panels_;
  std::vector<std::unique_ptr<Kept>> kept_;
  const TileCode* code_ = nullptr;
  const TileCode* started_ = nullptr;  // whose lane values are in their slots
  Box box_;
  std::size_t lanes_ = 0;
  std::size_t chunk_rows_ = 16;
  std::array<std::vector<std::byte>, 4> arenas_;
  int out_of_range_ = 0;
};

}  // namespace onnxpack::kernels::flex
