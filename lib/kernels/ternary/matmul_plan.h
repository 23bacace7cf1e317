// How one multiplication is cut up, and where its scratch stands: a function of sizes only.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>

#include "onnxpack/kernels/ternary/matmul.h"
#include "ternary/codec.h"
#include "ternary/dot.h"

namespace onnxpack::kernels::ternary {

// From so many rows of activations on unpacking panels costs less than decoding again for every few
// of them. By tiles, Emerald Rapids, N = 6912, K = 2560 in the last cache, milliseconds by dot
// products and by panels: t5r with 6 rows 0.72 and 0.89, with 8 0.80 and 0.66, with 16 1.63 and
// 1.05; u2 with 8 rows 0.66 and 0.72, with 16 1.63 and 0.97.
constexpr std::size_t gemm_from(Blocking blocking) {
  return blocking == Blocking::second_cache ? 8 : 32;
}
// Columns of a panel multiplied at a time: 80 rows of them are 20 KiB, which stay in the first
// cache for all rows of activations.
inline constexpr std::size_t gemm_piece = 256;
// Of Blocking::second_cache: rows of activations at a time, and bytes of panels that such rows are
// multiplied by. CPUs with AMX have 2 MB; the activations are read once for all these panels.
inline constexpr std::size_t gemm_rows = 32;
inline constexpr std::size_t gemm_panel_bytes = std::size_t{800} << 10;

struct Plan {
  bool planes = false;  // activations as four planes (u2)
  bool gemm = false;
  std::size_t height = 1;  // rows in a byte
  std::size_t width = 0;   // DotJob::width
  std::size_t block = 0;
  std::size_t blocks = 1;
  std::size_t activation_stride = 0;
  std::size_t panels = 1;  // gemm: unpacked at a time
  std::size_t tasks = 1;
  std::size_t step = 1;  // groups (dot), rows of activations (gemm) or rows (float) at a time
  std::size_t activations_at = 0;
  std::size_t natural_at = 0;  // rows in their own order, which planes are made from
  std::size_t sums_at = 0;
  std::size_t row_scales_at = 0;
  std::size_t tasks_at = 0;
  std::size_t task_bytes = 0;
  std::size_t total_bytes = 0;
};

constexpr std::size_t round_up_64(std::size_t bytes) {
  return (bytes + 63) / 64 * 64;
}

inline void plan_blocks(const MatMul& job, Plan& plan) {
  const std::size_t columns = job.weights.layout.shape.columns;
  // Without block scales one block covers the padding too, so that the fast kernels take it.
  plan.block = plan.planes || job.mode == Mode::float32 ? columns : plan.width;
  if (job.weights.scale_layout.granularity != Granularity::block) return;
  plan.block = job.weights.scale_layout.block;
  plan.blocks = (columns + plan.block - 1) / plan.block;
}

// 32 KiB: with the weights' stream in the first or second cache.
inline constexpr std::size_t sums_at_once = 8192;

inline void plan_panels(const MatMul& job, Blocking blocking, Plan& plan) {
  const std::size_t panel_bytes = panel_rows * plan.width;
  if (blocking == Blocking::second_cache) {
    const std::size_t rows = job.weights.layout.groups * plan.height;
    const std::size_t most = rows / plan.tasks / panel_rows + 1;
    plan.panels = std::clamp<std::size_t>(gemm_panel_bytes / panel_bytes, 1, most);
    plan.step = gemm_rows;
  } else {
    plan.step = std::clamp<std::size_t>(sums_at_once / (plan.blocks * panel_rows), 5, 100) / 5 * 5;
  }
  plan.task_bytes =
      plan.panels * panel_bytes + round_up_64(plan.step * panel_rows * 4 * plan.blocks);
}

inline void plan_task(const MatMul& job, Blocking blocking, Plan& plan) {
  const Layout& layout = job.weights.layout;
  if (job.mode == Mode::float32) {
    plan.step = 20;
    plan.task_bytes = round_up_64(plan.step * layout.shape.columns);
  } else if (plan.gemm) {
    plan_panels(job, blocking, plan);
  } else {
    plan.step =
        std::clamp<std::size_t>(sums_at_once / (job.m * plan.blocks * plan.height), 4, 64) / 4 * 4;
    plan.task_bytes = round_up_64(plan.step * plan.height * job.m * plan.blocks * 4);
  }
}

inline Plan make_plan(const MatMul& job, std::size_t threads, Blocking blocking) {
  const Layout& layout = job.weights.layout;
  Plan plan;
  const ScaleLayout& scales = job.weights.scale_layout;
  const bool fits = scales.granularity != Granularity::block || scales.block % 64 == 0;
  plan.gemm = job.mode == Mode::int8 && job.m >= gemm_from(blocking) && fits;
  plan.planes = layout.format == Format::u2 && !plan.gemm;
  plan.height = rows_in_byte(layout.format);
  plan.width = round_up_64(plan.planes ? layout.shape.columns / 4 : layout.shape.columns);
  plan_blocks(job, plan);
  plan.activation_stride = plan.planes ? 4 * plan.width : plan.width;
  // Rows of gemm stand an odd number of lines apart: of 4096 columns sixteen would have one set of
  // the first cache.
  if (plan.gemm && plan.activation_stride % 128 == 0) plan.activation_stride += 64;
  plan.tasks = std::max<std::size_t>(
      1, std::min(threads, job.mode == Mode::float32 ? layout.shape.rows : layout.groups));
  plan_task(job, blocking, plan);
  std::size_t at = 0;
  const auto place = [&](std::size_t bytes) { return std::exchange(at, at + round_up_64(bytes)); };
  if (job.mode == Mode::int8) {
    // 64 more: the last load of a block that is no whole vector reads beyond its plane.
    plan.activations_at = place(job.m * plan.activation_stride + 64);
    if (plan.planes) plan.natural_at = place(job.m * round_up_64(layout.shape.columns));
    plan.sums_at = place(job.m * plan.blocks * 4);
    plan.row_scales_at = place(job.m * 4);
  }
  plan.tasks_at = place(plan.tasks * plan.task_bytes);
  plan.total_bytes = at;
  return plan;
}

}  // namespace onnxpack::kernels::ternary
