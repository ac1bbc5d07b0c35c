// What a kernel needs of whoever runs it: memory for its outputs, and threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

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

}  // namespace hokku
