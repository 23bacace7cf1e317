// The smallest set of units that serves everybody: set cover, exact at the sizes that fleets have.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace onnxpack::select {

// Whom each unit serves: units[u] holds consumer numbers below `consumers`, in rising order.
struct CoverProblem {
  std::size_t consumers = 0;
  std::vector<std::vector<std::size_t>> units;
};

struct Cover {
  std::vector<std::size_t> units;  // in rising order; together they serve whom all units serve
  bool smallest = true;            // proved to be; false after `most_steps`, then the best found
};

// A function of the sets alone, but for ties: among sets of one size the unit that stands earlier
// in the list is preferred, so the caller's order is the preference. Branch and bound on the
// consumer with the fewest choices, after units whose consumers another unit serves as well are
// left out. Cost: exponential at worst, hence the limit; fleets of hundreds with sixty units take
// microseconds, since most devices have few choices.
Cover smallest_cover(const CoverProblem& problem, std::size_t most_steps = 200000);

}  // namespace onnxpack::select
