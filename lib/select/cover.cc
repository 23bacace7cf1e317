#include "cover.h"

#include <algorithm>
#include <set>

namespace onnxpack::select {
namespace {

using Set = std::set<std::size_t>;

bool is_subset(const std::vector<std::size_t>& small, const std::vector<std::size_t>& large) {
  return std::ranges::includes(large, small);
}

// Units that no other unit makes superfluous; of equal ones the first.
std::vector<std::size_t> useful_units(const CoverProblem& problem) {
  std::vector<std::size_t> out;
  for (std::size_t u = 0; u < problem.units.size(); ++u) {
    bool beaten = problem.units[u].empty();
    for (std::size_t v = 0; v < problem.units.size() && !beaten; ++v) {
      if (v == u || !is_subset(problem.units[u], problem.units[v])) continue;
      beaten = problem.units[v].size() > problem.units[u].size() || v < u;
    }
    if (!beaten) out.push_back(u);
  }
  return out;
}

class Search {
 public:
  Search(const CoverProblem& problem, std::size_t most_steps)
      : problem_(problem), steps_left_(most_steps), choices_(problem.consumers) {
    for (std::size_t u : useful_units(problem)) {
      for (std::size_t consumer : problem.units[u]) choices_[consumer].push_back(u);
    }
  }

  Cover run() {
    Set open;
    for (std::size_t consumer = 0; consumer < problem_.consumers; ++consumer) {
      if (!choices_[consumer].empty()) open.insert(consumer);
    }
    best_ = greedy(open);
    branch(std::move(open));
    std::ranges::sort(best_);
    return {best_, steps_left_ > 0};
  }

 private:
  std::size_t served(std::size_t unit, const Set& open) const {
    return static_cast<std::size_t>(std::ranges::count_if(
        problem_.units[unit], [&](std::size_t consumer) { return open.contains(consumer); }));
  }
  static void close(Set& open, const std::vector<std::size_t>& served) {
    for (std::size_t consumer : served) open.erase(consumer);
  }

  // Somewhere to start, so that worse branches end early.
  std::vector<std::size_t> greedy(Set open) const {
    std::vector<std::size_t> out;
    while (!open.empty()) {
      std::size_t best = 0;
      std::size_t most = 0;
      for (std::size_t u = 0; u < problem_.units.size(); ++u) {
        if (std::size_t count = served(u, open); count > most) {
          best = u;
          most = count;
        }
      }
      out.push_back(best);
      close(open, problem_.units[best]);
    }
    return out;
  }

  // No fewer units than this can serve the rest: consumers no two of which share a choice.
  std::size_t bound(Set open) const {
    std::size_t out = 0;
    while (!open.empty()) {
      std::size_t one = *open.begin();
      ++out;
      open.erase(one);
      for (std::size_t unit : choices_[one]) close(open, problem_.units[unit]);
    }
    return out;
  }

  void branch(Set open) {
    if (steps_left_ == 0) return;
    --steps_left_;
    if (open.empty()) {
      if (chosen_.size() < best_.size()) best_ = chosen_;
      return;
    }
    if (chosen_.size() + bound(open) >= best_.size()) return;
    std::size_t hardest = *std::ranges::min_element(
        open, {}, [&](std::size_t consumer) { return choices_[consumer].size(); });
    for (std::size_t unit : choices_[hardest]) {
      Set rest = open;
      close(rest, problem_.units[unit]);
      chosen_.push_back(unit);
      branch(std::move(rest));
      chosen_.pop_back();
    }
  }

  const CoverProblem& problem_;
  std::size_t steps_left_;
  std::vector<std::vector<std::size_t>> choices_;  // consumer -> useful units, in list order
  std::vector<std::size_t> chosen_;
  std::vector<std::size_t> best_;
};

// Replaces units by earlier (preferred) ones that serve all whom nobody else in the set serves.
void prefer_earlier(const CoverProblem& problem, std::vector<std::size_t>& set) {
  bool changed = true;
  while (changed) {
    changed = false;
    for (std::size_t& unit : set) {
      Set needed(problem.units[unit].begin(), problem.units[unit].end());
      for (std::size_t other : set) {
        if (other == unit) continue;
        for (std::size_t consumer : problem.units[other]) needed.erase(consumer);
      }
      std::vector<std::size_t> wanted(needed.begin(), needed.end());
      for (std::size_t better = 0; better < unit; ++better) {
        if (std::ranges::find(set, better) != set.end() ||
            !is_subset(wanted, problem.units[better]))
          continue;
        unit = better;
        changed = true;
        break;
      }
    }
  }
  std::ranges::sort(set);
}

}  // namespace

Cover smallest_cover(const CoverProblem& problem, std::size_t most_steps) {
  Cover out = Search(problem, most_steps).run();
  prefer_earlier(problem, out.units);
  return out;
}

}  // namespace onnxpack::select
