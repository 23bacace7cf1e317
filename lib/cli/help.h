// Help texts: examples first.
#pragma once

#include <string>
#include <vector>

#include "console.h"
#include "flags.h"
#include "verb.h"

namespace onnxpack::cli {

std::string main_help();
std::string verb_help(const Verb& verb, const Flags& flags);
// `onnx-pack help [VERB|exit-codes]`; the exit code.
int help(const World& world, const Console& console, const std::vector<std::string>& arguments);

}  // namespace onnxpack::cli
