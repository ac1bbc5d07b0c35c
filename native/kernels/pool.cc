#include "pool.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>
#include <vector>

namespace hokku {
namespace {

// Channels that a thread takes together, side by side, and those of them that stay in registers.
constexpr size_t kChannels = 64, kVector = 16;

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

// A choice by masks is no branch to a compiler, which then computes several at a time.
uint32_t maskIf(bool holds) { return holds ? ~0u : 0u; }

// The cotangents of a window, `left`, to the first of its elements at `from` that equal `best`, for kVector channels.
void give(const float* __restrict from, float* __restrict to, const float* __restrict best, float* __restrict left) {
  for (size_t i = 0; i < kVector; i++) {
    const uint32_t here = maskIf(from[i] == best[i]), mine = std::bit_cast<uint32_t>(left[i]);
    to[i] += std::bit_cast<float>(mine & here);
    left[i] = std::bit_cast<float>(mine & ~here);
  }
}

bool anyNaN(const float* x, size_t count) {
  uint32_t any = 0;
  for (size_t i = 0; i < count; i++) any |= maskIf(x[i] != x[i]);
  return any != 0;
}

// Of a window with NaN, which equals nothing: whoever is not >= the one before takes its place, as in XLA.
void giveWithNaN(const float* from, float* to, const std::vector<size_t>& taps, float cotangent) {
  size_t chosen = taps.front();
  for (const size_t tap : taps) chosen = from[chosen] >= from[tap] ? chosen : tap;
  to[chosen] += cotangent;
}

}  // namespace

void poolMax(const Convolution& c, const float* image, float* result, Host& host) {
  const auto larger = [](float best, float x) {
    const uint32_t stays = maskIf(x <= best) | maskIf(best != best);
    return std::bit_cast<float>((std::bit_cast<uint32_t>(best) & stays) | (std::bit_cast<uint32_t>(x) & ~stays));
  };
  pool(c, image, result, -std::numeric_limits<float>::infinity(), larger, host);
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
        // What nobody has got yet.
        float left[kChannels];
        std::copy_n(cotangent + at, count, left);
        for (const size_t tap : taps) {
          const float *from = image + tap + first, *best = result + at;
          float* to = gradient + tap + first;
          size_t i = 0;
          for (; i + kVector <= count; i += kVector) give(from + i, to + i, best + i, left + i);
          for (; i < count; i++) {
            if (from[i] != best[i]) continue;
            to[i] += left[i];
            left[i] = 0;
          }
        }
        if (!anyNaN(result + at, count)) return;
        for (size_t i = 0; i < count; i++) {
          if (result[at + i] != result[at + i] && !taps.empty()) giveWithNaN(image + first + i, gradient + first + i, taps, cotangent[at + i]);
        }
      });
    }
  });
}

}  // namespace hokku
