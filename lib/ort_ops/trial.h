// Kernels are tried before they are trusted: some virtual machines advertise instructions that
// fault.
#pragma once

#include <functional>

namespace onnxpack::ort_ops {

// What `trial` gives, false if it runs into an instruction that the machine refuses (SIGILL): then
// it is left where it stands, and what it owns is lost. Sets the process's handler meanwhile;
// thread-safe, and other threads' signals go where they would have gone.
bool runs_without_fault(const std::function<bool()>& trial);

}  // namespace onnxpack::ort_ops
