// The driver: quantises, shares out rows, scales. Sums come from dot.h's kernels.
#include "onnxpack/kernels/ternary/matmul.h"

#include <algorithm>
#include <cstring>

#include "ternary/codec.h"
#include "ternary/dot.h"
#include "ternary/float_dot.h"
#include "ternary/matmul_plan.h"
#include "ternary/rows.h"

namespace onnxpack::kernels::ternary {
namespace {

// What all tasks of one call share.
struct Call {
  const KernelSet& kernels;
  const MatMul& job;
  Plan plan;
  std::int8_t* activations;
  std::int8_t* natural;
  std::int32_t* sums;
  float* row_scales;
  std::byte* task_scratch;
};

void quantize(const Call& call, std::size_t m) {
  const Plan& plan = call.plan;
  const RowChoice& rows = *call.kernels.rows;
  const std::size_t columns = call.job.weights.layout.shape.columns;
  const float* x = call.job.x + m * columns;
  std::int8_t* q = call.activations + m * plan.activation_stride;
  std::int8_t* natural = plan.planes ? call.natural + m * round_up_64(columns) : q;
  float most = rows.peak(x, columns);
  if (most < 1e-5F) most = 1e-5F;
  call.row_scales[m] = most / 127.0F;
  // Not finite: nothing that is computed from here on matters, since the scale is NaN.
  const float factor = most == most ? 127.0F / most : 0.0F;
  for (std::size_t b = 0; b < plan.blocks; ++b) {
    const std::size_t k = b * plan.block;
    const std::size_t count = std::min(plan.block, columns - k);
    call.sums[m * plan.blocks + b] = rows.quantize(x + k, count, factor, natural + k);
  }
  if (!plan.planes) {
    std::memset(q + columns, 0, plan.activation_stride - columns);
    return;
  }
  for (std::size_t p = 0; p < 4; ++p)
    std::memset(q + p * plan.width + columns / 4, 0, plan.width - columns / 4);
  rows.to_planes(natural, columns, plan.width, q);
}

// Sums of rows [row, row + count) for all m, as [m][blocks][pitch], to y.
void scale_rows(const Call& call, const std::int32_t* sums, std::size_t pitch, std::size_t first_m,
                std::size_t m_count, std::size_t row, std::size_t count) {
  const Weights& w = call.job.weights;
  const std::size_t blocks = call.plan.blocks;
  for (std::size_t i = 0; i < m_count; ++i) {
    const float a = call.row_scales[first_m + i];
    float* y = call.job.y + (first_m + i) * w.layout.shape.rows + row;
    const std::int32_t* of_m = sums + i * blocks * pitch;
    if (w.scale_layout.granularity == Granularity::tensor) {
      const float factor = w.scales[0] * a;
      for (std::size_t n = 0; n < count; ++n) y[n] = static_cast<float>(of_m[n]) * factor;
    } else if (w.scale_layout.granularity == Granularity::row) {
      for (std::size_t n = 0; n < count; ++n)
        y[n] = static_cast<float>(of_m[n]) * (w.scales[row + n] * a);
    } else {
      call.kernels.rows->scale_blocks({of_m, pitch, blocks, w.scales, row, a, count, y});
    }
  }
}

DotKernel dot_of(const Call& call) {
  switch (call.job.weights.layout.format) {
    case Format::t5r:
      return call.kernels.t5r->run;
    case Format::u2r:
      return call.kernels.u2r->run;
    default:
      return call.kernels.u2->run;
  }
}

// Few rows of activations: each weight is read from memory once, as one stream per task.
void dot_task(const Call& call, std::size_t task) {
  const Plan& plan = call.plan;
  const Layout& layout = call.job.weights.layout;
  auto* sums = reinterpret_cast<std::int32_t*>(call.task_scratch + task * plan.task_bytes);
  const DotKernel run = dot_of(call);
  const std::size_t begin = layout.groups * task / plan.tasks;
  const std::size_t end = layout.groups * (task + 1) / plan.tasks;
  for (std::size_t g = begin; g < end; g += plan.step) {
    const std::size_t count = std::min(plan.step, end - g);
    const std::size_t pitch = count * plan.height;
    run({call.job.weights.bytes + g * layout.stride, layout.stride, count, plan.width,
         call.activations, call.sums, call.job.m, plan.block, plan.blocks, sums, pitch,
         ahead_of_stream(call.kernels.features)});
    const std::size_t row = g * plan.height;
    scale_rows(call, sums, pitch, 0, call.job.m, row, std::min(pitch, layout.shape.rows - row));
  }
}

// One panel by rows [m, m + count) of activations, piece by piece of the columns, to sums
// [count][blocks][panel_rows].
void multiply_panel(const Call& call, const std::uint8_t* panel, std::int32_t* sums, std::size_t m,
                    std::size_t count) {
  const Plan& plan = call.plan;
  for (std::size_t i = 0; i < count * plan.blocks; ++i)
    std::fill_n(sums + i * panel_rows, panel_rows, -call.sums[m * plan.blocks + i]);
  const GemmChoice& gemm = *call.kernels.gemm;
  const std::size_t most = gemm.blocking == Blocking::first_cache ? gemm_piece : plan.width;
  for (std::size_t b = 0; b < plan.blocks; ++b) {
    const std::size_t end = std::min((b + 1) * plan.block, plan.width);
    for (std::size_t k = b * plan.block; k < end; k += most)
      gemm.multiply({panel + k * panel_rows, call.activations + m * plan.activation_stride + k,
                     plan.activation_stride, std::min(most, end - k), count, sums + b * panel_rows,
                     plan.blocks * panel_rows});
  }
}

void unpack_panel(const Call& call, std::size_t p, std::uint8_t* panel) {
  const Layout& layout = call.job.weights.layout;
  const GemmChoice& gemm = *call.kernels.gemm;
  const auto unpack = layout.format == Format::t5r   ? gemm.unpack_t5r
                      : layout.format == Format::u2r ? gemm.unpack_u2r
                                                     : gemm.unpack_u2;
  const std::size_t per_panel = panel_rows / call.plan.height;
  const std::size_t g = p * per_panel;
  unpack({call.job.weights.bytes + g * layout.stride, layout.stride,
          std::min(per_panel, layout.groups - g), call.plan.width, panel});
}

// All rows of activations by panels [first, last), which are unpacked to `panels`.
void multiply_panels(const Call& call, std::size_t first, std::size_t last, std::uint8_t* panels,
                     std::int32_t* sums) {
  const Plan& plan = call.plan;
  const std::size_t panel_bytes = panel_rows * plan.width;
  for (std::size_t p = first; p < last; ++p)
    unpack_panel(call, p, panels + (p - first) * panel_bytes);
  for (std::size_t m = 0; m < call.job.m; m += plan.step) {
    const std::size_t count = std::min(plan.step, call.job.m - m);
    for (std::size_t p = first; p < last; ++p) {
      multiply_panel(call, panels + (p - first) * panel_bytes, sums, m, count);
      const std::size_t row = p * panel_rows;
      scale_rows(call, sums, panel_rows, m, count, row,
                 std::min(panel_rows, call.job.weights.layout.shape.rows - row));
    }
  }
}

// Many rows of activations: codes are unpacked once per panel, which then stays in the cache.
void gemm_task(const Call& call, std::size_t task) {
  const Plan& plan = call.plan;
  auto* panels = reinterpret_cast<std::uint8_t*>(call.task_scratch + task * plan.task_bytes);
  auto* sums = reinterpret_cast<std::int32_t*>(panels + plan.panels * panel_rows * plan.width);
  const std::size_t per_panel = panel_rows / plan.height;
  const std::size_t count = (call.job.weights.layout.groups + per_panel - 1) / per_panel;
  const std::size_t begin = count * task / plan.tasks;
  const std::size_t end = count * (task + 1) / plan.tasks;
  const std::size_t rounds = (end - begin + plan.panels - 1) / plan.panels;
  for (std::size_t i = 0; i < rounds; ++i)  // of about as many panels each
    multiply_panels(call, begin + (end - begin) * i / rounds,
                    begin + (end - begin) * (i + 1) / rounds, panels, sums);
}

// Mode float32: rows are decoded to trits, twenty or so at a time.
void float_task(const Call& call, std::size_t task) {
  const Plan& plan = call.plan;
  const Weights& w = call.job.weights;
  const auto [rows, columns] = w.layout.shape;
  auto* trits = reinterpret_cast<std::int8_t*>(call.task_scratch + task * plan.task_bytes);
  const std::size_t begin = rows * task / plan.tasks;
  const std::size_t end = rows * (task + 1) / plan.tasks;
  for (std::size_t row = begin; row < end; row += plan.step) {
    const std::size_t count = std::min(plan.step, end - row);
    decode_rows(w.layout, {w.bytes, w.layout.bytes}, row, count, {trits, count * columns});
    for (std::size_t i = 0; i < count; ++i)
      for (std::size_t m = 0; m < call.job.m; ++m) {
        const float* x = call.job.x + m * columns;
        float sum = 0;
        for (std::size_t b = 0; b < plan.blocks; ++b) {
          const std::size_t k = b * plan.block;
          const float part = call.kernels.real->run(x + k, trits + i * columns + k,
                                                    std::min(plan.block, columns - k));
          const std::size_t scale = w.scale_layout.granularity == Granularity::tensor
                                        ? 0
                                        : scale_index(row + i, b, plan.blocks);
          sum = b == 0 ? part * w.scales[scale] : sum + part * w.scales[scale];
        }
        call.job.y[m * rows + row + i] = sum;
      }
  }
}

}  // namespace

std::vector<float> scales_by_block(std::span<const float> stored, std::size_t rows) {
  const std::size_t blocks = rows == 0 ? 0 : stored.size() / rows;
  std::vector<float> out((rows + scale_tile - 1) / scale_tile * scale_tile * blocks);
  for (std::size_t n = 0; n < rows; ++n)
    for (std::size_t b = 0; b < blocks; ++b)
      out[scale_index(n, b, blocks)] = stored[n * blocks + b];
  return out;
}

std::size_t scratch_bytes(const KernelSet& kernels, const MatMul& job, std::size_t width) {
  return make_plan(job, width, kernels.gemm->blocking).total_bytes;
}

void matmul(const KernelSet& kernels, const MatMul& job, Parallel& parallel, std::byte* scratch) {
  const Plan plan = make_plan(job, parallel.width(), kernels.gemm->blocking);
  if (job.m == 0 || job.weights.layout.shape.rows == 0) return;
  const Call call{kernels,
                  job,
                  plan,
                  reinterpret_cast<std::int8_t*>(scratch + plan.activations_at),
                  reinterpret_cast<std::int8_t*>(scratch + plan.natural_at),
                  reinterpret_cast<std::int32_t*>(scratch + plan.sums_at),
                  reinterpret_cast<float*>(scratch + plan.row_scales_at),
                  scratch + plan.tasks_at};
  if (job.mode == Mode::float32) {
    parallel_for(parallel, plan.tasks, [&](std::size_t task) { float_task(call, task); });
    return;
  }
  if (job.m < 8) {
    for (std::size_t m = 0; m < job.m; ++m) quantize(call, m);
  } else {
    parallel_for(parallel, plan.tasks, [&](std::size_t task) {
      for (std::size_t m = task; m < job.m; m += plan.tasks) quantize(call, m);
    });
  }
  parallel_for(parallel, plan.tasks,
               [&](std::size_t task) { plan.gemm ? gemm_task(call, task) : dot_task(call, task); });
}

}  // namespace onnxpack::kernels::ternary
