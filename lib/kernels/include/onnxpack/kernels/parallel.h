// Who runs the parts of a kernel. Kernels start no threads: a pool is handed in (ONNX Runtime's, a
// test's), or nothing runs beside.
#pragma once

#include <cstddef>

namespace onnxpack::kernels {

class Parallel {
 public:
  virtual ~Parallel() = default;
  // How many tasks may run at the same time, at least 1. What a kernel allocates scratch for.
  virtual std::size_t width() const = 0;
  // Calls task(state, i) once for each i < count, in any order and on any thread, and returns when
  // all have returned. Requires: tasks do not throw and do not call run() themselves.
  virtual void run(std::size_t count, void (*task)(void* state, std::size_t index),
                   void* state) = 0;
};

// Everything on the caller's thread, in order.
class Serial final : public Parallel {
 public:
  std::size_t width() const override { return 1; }
  void run(std::size_t count, void (*task)(void*, std::size_t), void* state) override {
    for (std::size_t i = 0; i < count; ++i) task(state, i);
  }
};

// task(index) for each index; `task` is called through a pointer, never copied.
template <typename Task>
void parallel_for(Parallel& parallel, std::size_t count, Task&& task) {
  parallel.run(
      count, [](void* state, std::size_t index) { (*static_cast<Task*>(state))(index); }, &task);
}

}  // namespace onnxpack::kernels
