#include <array>

#include "verb.h"

namespace onnxpack::cli {

std::span<const Verb> verbs() {
  // Copied on first use: a global list would be filled by code that runs before main().
  static const auto all = std::to_array<Verb>({
      build_verb,
      inspect_verb,
      select_verb,
      extract_verb,
      add_verb,
      remove_verb,
      merge_verb,
      repack_verb,
      diff_verb,
      verify_verb,
      bench_verb,
      plan_verb,
      targets_verb,
      backends_verb,
      doctor_verb,
      ternarize_verb,
      lower_verb,
      kernels_verb,
      cache_verb,
      version_verb,
  });
  return all;
}

}  // namespace onnxpack::cli
