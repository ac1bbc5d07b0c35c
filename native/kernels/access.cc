#include "access.h"

#include <algorithm>
#include <cstring>

#include "elementwise.h"

namespace hokku {
namespace {

// Periods below this are laid out by doubling: few large copies instead of many small ones.
constexpr size_t kShortPeriod = 64;

template <class T>
const T* gatherCycle(const Access& access, const T* data, size_t start, size_t n, T* buffer) {
  const size_t period = access.period;
  if (access.every == 1) {
    const size_t first = start % period;
    if (first + n <= period) return data + first;
    const size_t head = period - first;
    std::copy_n(data + first, head, buffer);
    size_t done = head;
    if (period < kShortPeriod) {
      const size_t rest = std::min(period - head, n - done);
      std::copy_n(data, rest, buffer + done);
      done += rest;
      // `done` is one whole period now, so what lies in the buffer continues itself.
      while (done < n) {
        const size_t length = std::min(done, n - done);
        std::copy_n(buffer, length, buffer + done);
        done += length;
      }
      return buffer;
    }
    while (done < n) {
      const size_t length = std::min(period, n - done);
      std::copy_n(data, length, buffer + done);
      done += length;
    }
    return buffer;
  }
  const FillKernel fill = fillKernel(sizeof(T));
  size_t index = start / access.every % period;
  size_t run = access.every - start % access.every;
  for (size_t done = 0; done < n;) {
    const size_t length = std::min(run, n - done);
    fill(buffer + done, data + index, length);
    done += length;
    run = access.every;
    index = index + 1 == period ? 0 : index + 1;
  }
  return buffer;
}

template <class T>
const T* gatherStrided(const Access& access, const T* data, size_t start, size_t n, T* buffer) {
  const size_t rank = access.sizes.size();
  std::vector<size_t> index(rank);
  size_t rest = start, offset = 0;
  for (size_t d = rank; d-- > 0;) {
    index[d] = rest % access.sizes[d];
    rest /= access.sizes[d];
    offset += index[d] * access.strides[d];
  }
  const size_t last = rank - 1;
  for (size_t done = 0; done < n;) {
    const size_t length = std::min(access.sizes[last] - index[last], n - done);
    if (access.strides[last] == 0) {
      std::fill_n(buffer + done, length, data[offset]);
    } else {
      std::copy_n(data + offset, length, buffer + done);
    }
    done += length;
    offset += length * access.strides[last];
    index[last] += length;
    for (size_t d = last; index[d] == access.sizes[d] && d > 0; d--) {
      offset -= index[d] * access.strides[d];
      index[d] = 0;
      index[d - 1]++;
      offset += access.strides[d - 1];
    }
  }
  return buffer;
}

template <class T>
const void* gatherAs(const Access& access, const void* data, size_t start, size_t n, void* buffer) {
  const T* values = static_cast<const T*>(data);
  switch (access.kind) {
    case AccessKind::Identity: return values + start;
    case AccessKind::Scalar: std::fill_n(static_cast<T*>(buffer), n, values[0]); return buffer;
    case AccessKind::Cycle: return gatherCycle(access, values, start, n, static_cast<T*>(buffer));
    case AccessKind::Strided: return gatherStrided(access, values, start, n, static_cast<T*>(buffer));
  }
  return nullptr;
}

}  // namespace

std::optional<Shape> broadcast(std::span<const int64_t> a, std::span<const int64_t> b) {
  if (a.size() < b.size()) std::swap(a, b);
  Shape out(a.begin(), a.end());
  const size_t skip = a.size() - b.size();
  for (size_t i = 0; i < b.size(); i++) {
    int64_t& dim = out[skip + i];
    if (dim == b[i] || b[i] == 1) continue;
    if (dim != 1) return std::nullopt;
    dim = b[i];
  }
  return out;
}

Access makeAccess(std::span<const int64_t> shape, std::span<const int64_t> loop) {
  const size_t count = elementCount(shape);
  if (count == 1) return {AccessKind::Scalar, 1, 1, {}, {}};
  if (count == elementCount(loop)) return {AccessKind::Identity, 1, 1, {}, {}};
  // Neighbouring dimensions of the loop which are all repeated, or all not, act as one.
  Access access{AccessKind::Strided, 1, 1, {}, {}};
  std::vector<bool> repeated;
  const size_t skip = loop.size() - shape.size();
  for (size_t d = 0; d < loop.size(); d++) {
    if (loop[d] == 1) continue;
    const bool repeats = d < skip || shape[d - skip] == 1;
    const size_t size = static_cast<size_t>(loop[d]);
    if (!repeated.empty() && repeated.back() == repeats) {
      access.sizes.back() *= size;
    } else {
      access.sizes.push_back(size);
      repeated.push_back(repeats);
    }
  }
  const size_t groups = repeated.size();
  const auto varying = static_cast<size_t>(std::count(repeated.begin(), repeated.end(), false));
  if (varying == 1) {
    access.kind = AccessKind::Cycle;
    access.period = count;
    access.every = repeated.back() ? access.sizes.back() : 1;
    return access;
  }
  access.strides.resize(groups);
  size_t stride = 1;
  for (size_t d = groups; d-- > 0;) {
    access.strides[d] = repeated[d] ? 0 : stride;
    if (!repeated[d]) stride *= access.sizes[d];
  }
  return access;
}

const void* gather(const Access& access, const void* data, size_t elementSize, size_t start, size_t n, void* buffer) {
  if (elementSize == 1) return gatherAs<uint8_t>(access, data, start, n, buffer);
  if (elementSize == 4) return gatherAs<uint32_t>(access, data, start, n, buffer);
  return gatherAs<uint64_t>(access, data, start, n, buffer);
}

}  // namespace hokku
