// From the nodes of a program that are left in a tile to steps of the vector machine.
#pragma once

#include <map>

#include "flex_attention/tile_program.h"

namespace onnxpack::kernels::flex {

inline constexpr NodeId constant_true = 0xFFFFFFFEU;
inline constexpr NodeId constant_false = 0xFFFFFFFFU;

// The first slots hold the indices, as i32.
inline constexpr std::uint32_t slot_b = 0;              // among scalars
inline constexpr std::uint32_t slot_q = 0, slot_h = 1;  // among lanes
inline constexpr std::uint32_t slot_k = 0;              // among rows
inline constexpr std::uint32_t index_slots = 2;

class CodeMaker {
 public:
  CodeMaker(const Program& program, const std::vector<TableView>& tables, const TileOps& ops,
            const std::vector<Range>& everywhere, const std::vector<Storage>& storage,
            const std::vector<NodeId>& stand_ins)
      : program_(program),
        tables_(tables),
        ops_(ops),
        everywhere_(everywhere),
        storage_(storage),
        stand_ins_(stand_ins) {}

  Result<TileCode> make();

 private:
  void mark_needed();
  CodeValue value(NodeId id);
  CodeValue constant(Storage storage, double real, std::int64_t whole);
  CodeValue as(const CodeValue& value, Storage storage);
  CodeValue step(const VmKey& key, std::vector<CodeValue> operands, std::int64_t immediate = 0,
                 const void* table = nullptr);
  CodeValue compile(NodeId id);
  CodeValue compile_load(const Node& node, Storage wanted);
  CodeValue compile_index(const Node& load, std::size_t axis);
  CodeValue compile_cast(NodeId id);
  CodeValue compile_operation(NodeId id);
  CodeValue rounded(Type type, CodeValue value);
  void finish(const CodeValue& result);
  void fuse_scales();
  void reuse_slots();

  const Program& program_;
  const std::vector<TableView>& tables_;
  const TileOps& ops_;
  const std::vector<Range>& everywhere_;
  const std::vector<Storage>& storage_;
  const std::vector<NodeId>& stand_ins_;
  std::vector<bool> needed_;
  std::map<NodeId, CodeValue> made_;
  TileCode code_;
  std::string missing_;
};

}  // namespace onnxpack::kernels::flex
