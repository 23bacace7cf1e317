// Runs the machine code of AMX kernels on an x86-64 without AMX. There every tile instruction
// raises SIGILL; a handler decodes it, does what it says by tiles.h and goes on behind it. So what
// is tested is what ships: the kernels' own instructions, operands, addresses and configurations.
//
// Where AMX is, it runs the kernels itself and nothing is installed.
#pragma once

#include <cstdint>
#include <string>

#include "onnxpack/kernels/cpu_features.h"

namespace onnxpack_test::amx {

// While it lives, tile instructions of all threads are stood in for; each thread has tiles of its
// own. At most one at a time, made within a test case (Catch2 sets handlers around each). A SIGILL
// of anything else goes where it would have gone.
class StandIn {
 public:
  StandIn();
  // Ends the program if there are faults that nobody asked for.
  ~StandIn();
  StandIn(const StandIn&) = delete;
  StandIn& operator=(const StandIn&) = delete;

  // Whether kernels of `isa` run here, by themselves or by this.
  bool has(onnxpack::kernels::Isa isa) const;
  // Whether this CPU has no AMX, so that the handler runs.
  bool emulates() const { return emulates_; }
  // The first instruction since the last call that the processor would have refused, and how many
  // there were; "" if none. They were skipped.
  std::string faults() const;
  // Instructions stood in for, of all threads.
  std::uint64_t executed() const;

 private:
  onnxpack::kernels::CpuFeatures machine_;
  bool emulates_ = false;
};

}  // namespace onnxpack_test::amx
