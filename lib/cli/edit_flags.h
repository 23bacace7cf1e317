// What add, remove, merge and repack have in common.
#pragma once

#include <filesystem>
#include <string_view>

#include "context.h"
#include "flags.h"
#include "onnxpack/package/edit.h"

namespace onnxpack::cli {

struct EditOutput {
  std::filesystem::path path;
  io::Overwrite overwrite = io::Overwrite::no;
  void declare(Flags& flags);
};

// Prints what came out, as text or as JSON.
void report_edit(Context& context, std::string_view verb, const package::EditReport& report,
                 const EditOutput& output);

}  // namespace onnxpack::cli
