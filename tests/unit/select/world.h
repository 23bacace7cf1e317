// Small packages and measurements for selection tests.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "onnxpack/select/select.h"

namespace onnxpack::select::testing {

// A digest that is a function of a name.
std::string digest_of(const std::string& name);

// A package with one component "model" (input x of [batch, 3, ?, ?], input ids of [1, 8]) and these
// variants, each with one blob.
manifest::Manifest package(std::vector<manifest::Variant> variants);

// A variant called `name`, made for the profile `target`, needing what such a blob needs. The
// device is where the profile's blobs run.
manifest::Variant variant(const std::string& name, const std::string& target,
                          const std::string& ep = "onnxpack.iree");

// A measurement of a variant, or of the original graph where `subject` is empty, on the profile
// `device`.
manifest::Evidence measured(const manifest::Manifest& manifest, const std::string& device,
                            const std::string& subject, double median_ms,
                            std::uint64_t threads = 0);

Request request_for(const std::string& target);

// "a > b > (original)": the ladder in a line.
std::string ladder_text(const Result<Selection>& selection);

}  // namespace onnxpack::select::testing
