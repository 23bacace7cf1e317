// From a backend's answer to the manifest's variant.
#pragma once

#include <string>

#include "onnxpack/manifest/manifest.h"
#include "onnxpack/protocol/compile.h"
#include "plan.h"

namespace onnxpack::package {

// `build_key`: the cache key of the job. Blobs become variants/<name>/<path>.
manifest::Variant make_variant(const Job& job, const target::Target& target,
                               const protocol::VariantAnswer& answer, const std::string& build_key);

}  // namespace onnxpack::package
