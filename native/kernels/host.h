// What a kernel needs of whoever runs it: memory for its outputs, and threads.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "denormals.h"

namespace hokku {

class Host {
 public:
  virtual ~Host() = default;
  virtual void* output(size_t index, std::span<const int64_t> shape) = 0;
  // Calls task(data, i) for each i below `total`, in any order, on any thread, and returns when all are done.
  virtual void parallelFor(void (*task)(void* data, size_t i), size_t total, void* data) = 0;
};

struct Tensor {
  const void* data;
  std::span<const int64_t> shape;
};

template <class F>
void parallelFor(Host& host, size_t total, F&& f) {
  using Body = std::remove_reference_t<F>;
  host.parallelFor([](void* data, size_t i) { (*static_cast<Body*>(data))(i); }, total, &f);
}

constexpr size_t ceilDiv(size_t x, size_t y) { return (x + y - 1) / y; }

// Shares tasks of `work` multiplications in all, which take denormals for zeros, if a second thread pays for them: some microseconds
// each. Whoever is free takes the next one, since some threads are slower than others.
template <class F>
void share(Host& host, size_t tasks, size_t work, F&& f) {
  constexpr size_t kWorthSharing = size_t{1} << 19;
  if (tasks < 2 || work < kWorthSharing) {
    [[maybe_unused]] const FlushDenormals flush;
    for (size_t task = 0; task < tasks; task++) f(task);
    return;
  }
  std::atomic<size_t> next = 0;
  parallelFor(host, tasks, [&](size_t) {
    [[maybe_unused]] const FlushDenormals flush;
    for (size_t task; (task = next.fetch_add(1, std::memory_order_relaxed)) < tasks;) f(task);
  });
}

}  // namespace hokku
