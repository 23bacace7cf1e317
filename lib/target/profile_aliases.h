// Names people know devices by.
#pragma once

#include <array>

#include "onnxpack/target/target.h"

namespace onnxpack::target {

inline constexpr std::array alias_table = std::to_array<Alias>({
    {"ampere", "cuda-sm_80"},
    {"apple-m1", "m1"},
    {"apple-m2", "m2"},
    {"arm64", "aarch64"},
    {"armv8-2a", "aarch64-v8.2"},
    {"cobalt-100", "neoverse_n2"},
    {"cuda-ada", "cuda-sm_89"},
    {"cuda-ampere", "cuda-sm_80"},
    {"cuda-hopper", "cuda-sm_90"},
    {"graviton2", "neoverse_n1"},
    {"graviton3", "neoverse_v1"},
    {"graviton4", "neoverse_v2"},
    {"intel-npu-lunar-lake", "intel-npu-4000"},
    {"intel-npu-meteor-lake", "intel-npu-3720"},
    {"intel-npu-panther-lake", "intel-npu-5010"},
    {"metal", "apple-metal"},
    {"mi250", "rocm-gfx90a"},
    {"mi300x", "rocm-gfx942"},
    {"qualcomm-x-elite", "qualcomm-sc8380xp"},
    {"raspberry-pi-4", "cortex_a72"},
    {"sapphire-rapids", "sapphirerapids"},
    {"snapdragon-8-elite", "qualcomm-sm8750"},
    {"snapdragon-8-elite-gen-5", "qualcomm-sm8850"},
    {"snapdragon-8-gen-1", "qualcomm-sm8450"},
    {"snapdragon-8-gen-2", "qualcomm-sm8550"},
    {"snapdragon-8-gen-3", "qualcomm-sm8650"},
    {"snapdragon-8+-gen-1", "qualcomm-sm8475"},
    {"snapdragon-888", "qualcomm-sm8350"},
    {"snapdragon-x-elite", "qualcomm-sc8380xp"},
    {"znver3", "zen3"},
    {"znver4", "zen4"},
    {"znver5", "zen5"},
});

}  // namespace onnxpack::target
