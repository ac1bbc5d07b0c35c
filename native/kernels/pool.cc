#include "pool.h"

#include <algorithm>
#include <limits>
#include <vector>

namespace hokku {
namespace {

// Channels that are computed together, side by side.
constexpr size_t kChannels = 16;

// The elements along an axis, `first` and every `dilation`th after it, `count` in all, that a window of the result sees.
struct Span {
  size_t first, count;
};
Span seenBy(const ConvolutionAxis& a, size_t out) {
  const auto from = static_cast<int64_t>(out * a.stride) - a.low, step = static_cast<int64_t>(a.dilation), in = static_cast<int64_t>(a.in);
  const int64_t begin = from >= 0 ? 0 : (-from + step - 1) / step, end = std::min(static_cast<int64_t>(a.window), from >= in ? 0 : (in - from + step - 1) / step);
  if (begin >= end) return {0, 0};
  return {static_cast<size_t>(from + begin * step), static_cast<size_t>(end - begin)};
}

// f(pixel of the result, its image's elements of the first channel) for all windows of a line.
template <class F>
void eachWindow(const Convolution& c, size_t line, F&& f) {
  const ConvolutionAxis &y = c.axes[0], &x = c.axes[1];
  const size_t image = line / y.out;
  const Span rows = seenBy(y, line % y.out);
  thread_local std::vector<size_t> taps;
  for (size_t p = 0; p < x.out; p++) {
    const Span columns = seenBy(x, p);
    taps.clear();
    for (size_t j = 0; j < rows.count; j++) {
      for (size_t k = 0; k < columns.count; k++) {
        taps.push_back(((image * y.in + rows.first + j * y.dilation) * x.in + columns.first + k * x.dilation) * c.channels);
      }
    }
    f(line * x.out + p, taps);
  }
}

size_t workOf(const Convolution& c) { return c.images * c.axes[0].out * c.axes[1].out * c.axes[0].window * c.axes[1].window * c.channels; }

template <class F>
void pool(const Convolution& c, const float* image, float* result, float start, F&& combine, Host& host) {
  share(host, c.images * c.axes[0].out, workOf(c), [&](size_t line) {
    eachWindow(c, line, [&](size_t pixel, const std::vector<size_t>& taps) {
      float* to = result + pixel * c.channels;
      std::fill_n(to, c.channels, start);
      for (const size_t tap : taps) {
        const float* from = image + tap;
        for (size_t i = 0; i < c.channels; i++) to[i] = combine(to[i], from[i]);
      }
    });
  });
}

// A window's cotangent to the first of its elements that equals `best`, for N channels, or `count` where N is 0.
template <size_t N>
void give(const float* image, float* gradient, const float* best, const float* cotangent, const std::vector<size_t>& taps, size_t count) {
  const size_t n = N ? N : count;
  // What nobody has got yet.
  float left[kChannels];
  std::copy_n(cotangent, n, left);
  for (const size_t tap : taps) {
    const float* from = image + tap;
    float* to = gradient + tap;
    for (size_t i = 0; i < n; i++) {
      const bool here = from[i] == best[i];
      to[i] += here ? left[i] : 0.0f;
      left[i] = here ? 0.0f : left[i];
    }
  }
}

}  // namespace

void poolMax(const Convolution& c, const float* image, float* result, Host& host) {
  // A NaN is not less than anything, and nothing is not less than it.
  pool(c, image, result, -std::numeric_limits<float>::infinity(), [](float best, float x) { return x <= best || best != best ? best : x; }, host);
}

void poolSum(const Convolution& c, const float* image, float* result, Host& host) {
  pool(c, image, result, 0, [](float sum, float x) { return sum + x; }, host);
}

void poolMaxBack(const Convolution& c, const float* image, const float* result, const float* cotangent, float* gradient, Host& host) {
  const ConvolutionAxis &y = c.axes[0], &x = c.axes[1];
  const size_t blocks = ceilDiv(c.channels, kChannels);
  // Windows overlap, so an image's channels are one thread's.
  share(host, c.images * blocks, workOf(c) * 2, [&](size_t task) {
    const size_t n = task / blocks, first = task % blocks * kChannels, count = std::min(kChannels, c.channels - first);
    float* all = gradient + n * y.in * x.in * c.channels + first;
    for (size_t p = 0; p < y.in * x.in; p++) std::fill_n(all + p * c.channels, count, 0.0f);
    for (size_t line = n * y.out; line < (n + 1) * y.out; line++) {
      eachWindow(c, line, [&](size_t pixel, const std::vector<size_t>& taps) {
        const size_t at = pixel * c.channels + first;
        if (count == kChannels) give<kChannels>(image + first, gradient + first, result + at, cotangent + at, taps, count);
        else give<0>(image + first, gradient + first, result + at, cotangent + at, taps, count);
      });
    }
  });
}

}  // namespace hokku
