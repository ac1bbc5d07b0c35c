#include "convolution.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "scratch.h"
#include "targets.h"

namespace hokku {
namespace {

#include "vec_base.inc"
#include "convolution.inc"

const ConvolutionLoops& loopsOfThisMachine() {
#ifdef HOKKU_X86_TARGETS
  switch (detectTarget()) {
    case Target::Avx512: return kConvolutionAvx512;
    case Target::Avx2: return kConvolutionAvx2;
    case Target::Base: break;
  }
#endif
  return kLoops;
}

// Pixels of the result that are computed together, and floats of the image that they may see: they stay in the second-level cache.
constexpr size_t kPixels = 256, kSeen = size_t{1} << 18;
// At least so many tasks are made where there is enough to divide.
constexpr size_t kTasks = 16;
// Floats of sums that are kept beside each other, so that threads can share the pixels of a gradient.
constexpr size_t kSums = size_t{1} << 20;

// Packed matrices have room for whole vectors of any machine, so that their sizes are known before there is one.
constexpr size_t kLongestVector = 16;

Scratch& packed() {
  thread_local Scratch kept;
  return kept;
}
Scratch& seenByThread() {
  thread_local Scratch kept;
  return kept;
}

// What an element of the window sees: the image's element `at` for the first pixel, and on from there.
struct Tap {
  size_t window;
  int64_t at;
};

// Every `step`th pixel of the result from `first` on: those that see the image's elements, and not what stands between them.
struct Phase {
  size_t first = 0, step = 1, count = 0, stride = 1, in = 0;
  std::vector<Tap> taps;
  int64_t low = 0, high = 0;

  // Whether any pixel's element at this place lies in the image.
  bool sees(int64_t at) const {
    const auto step = static_cast<int64_t>(stride), end = static_cast<int64_t>(in);
    const int64_t pixel = at >= 0 ? 0 : (-at + step - 1) / step;
    return pixel < static_cast<int64_t>(count) && pixel * step + at < end;
  }
  bool inside() const { return low >= 0 && static_cast<int64_t>((count - 1) * stride) + high < static_cast<int64_t>(in); }
  // Elements that `pixels` see from the first to the last one.
  size_t span(size_t pixels) const { return (pixels - 1) * stride + static_cast<size_t>(high - low) + 1; }
};

std::vector<Phase> phasesOf(const ConvolutionAxis& axis, bool mirrored) {
  std::vector<Phase> phases;
  const auto spread = static_cast<int64_t>(axis.spread);
  for (size_t first = 0; first < std::min(axis.spread, axis.out); first++) {
    Phase phase{first, axis.spread, ceilDiv(axis.out - first, axis.spread), axis.stride, axis.in, {}};
    for (size_t w = 0; w < axis.window; w++) {
      const int64_t at = static_cast<int64_t>(first + w * axis.dilation) - axis.low;
      if (at % spread == 0 && phase.sees(at / spread)) phase.taps.push_back({mirrored ? axis.window - 1 - w : w, at / spread});
    }
    if (!phase.taps.empty()) phase.low = phase.taps.front().at, phase.high = phase.taps.back().at;
    phases.push_back(std::move(phase));
  }
  return phases;
}

// One phase of both axes. Its pixels are counted line by line, image after image.
struct Plane {
  const Convolution& convolution;
  const Phase &y, &x;
  // Whether no pixel sees beyond the image, so that it is read where it lies.
  bool direct;
  // Pixels of a line that is seen.
  size_t width;
  std::vector<size_t> taps;
  std::vector<Run> runs;

  Plane(const Convolution& c, const Phase& y_, const Phase& x_)
      : convolution(c), y(y_), x(x_), direct(y.inside() && x.inside()), width(direct ? x.in : x.span(x.count)) {
    for (const Tap& ty : y.taps) {
      for (const Tap& tx : x.taps) {
        const size_t offset = (static_cast<size_t>(ty.at - y.low) * width + static_cast<size_t>(tx.at - x.low)) * c.channels;
        taps.push_back(offset);
        if (!runs.empty() && runs.back().offset + runs.back().length == offset) runs.back().length += c.channels;
        else runs.push_back({offset, c.channels});
      }
    }
  }

  size_t lines() const { return convolution.images * y.count; }
  size_t depth() const { return taps.size() * (convolution.depthwise ? 1 : convolution.channels); }
  size_t work() const { return lines() * x.count * depth() * convolution.features; }
  // Lines that a task takes.
  size_t block() const {
    size_t block = std::clamp<size_t>(kPixels / x.count, 1, std::max<size_t>(1, lines() / 4));
    while (block > 1 && ceilDiv(block, y.count) * y.span(std::min(block, y.count)) * width * convolution.channels > kSeen) block = ceilDiv(block, 2);
    return block;
  }
};

// What the lines `first` to `end` of a plane see, with the zeros around it, and where each of their pixels begins.
class Seen {
 public:
  std::vector<const float*> from;

  void look(const Plane& plane, const float* image, size_t first, size_t end) {
    const Convolution& c = plane.convolution;
    const Phase &y = plane.y, &x = plane.x;
    from.clear();
    const size_t line = plane.width * c.channels;
    const auto each = [&](auto&& f) {
      for (size_t l = first; l < end;) {
        const size_t q = l % y.count, count = std::min(y.count - q, end - l);
        f(l / y.count, q, count);
        l += count;
      }
    };
    const auto pixels = [&](const float* start, size_t count) {
      for (size_t q = 0; q < count; q++) {
        for (size_t p = 0; p < x.count; p++) from.push_back(start + q * y.stride * line + p * x.stride * c.channels);
      }
    };
    if (plane.direct) {
      each([&](size_t n, size_t q, size_t count) {
        pixels(image + ((n * y.in + q * y.stride + static_cast<size_t>(y.low)) * x.in + static_cast<size_t>(x.low)) * c.channels, count);
      });
      return;
    }
    size_t height = 0;
    each([&](size_t, size_t, size_t count) { height += y.span(count); });
    float* to = seenByThread().floats(height * line);
    each([&](size_t n, size_t q, size_t count) {
      pixels(to, count);
      for (size_t h = 0; h < y.span(count); h++, to += line) {
        const int64_t row = static_cast<int64_t>(q * y.stride + h) + y.low;
        copy(plane, row < 0 || row >= static_cast<int64_t>(y.in) ? nullptr : image + (n * y.in + static_cast<size_t>(row)) * x.in * c.channels, to);
      }
    });
  }

 private:
  // One line of the image, or zeros.
  static void copy(const Plane& plane, const float* row, float* to) {
    const int64_t in = static_cast<int64_t>(plane.x.in), width = static_cast<int64_t>(plane.width), low = plane.x.low;
    const int64_t begin = row ? std::clamp<int64_t>(-low, 0, width) : width, end = row ? std::clamp<int64_t>(in - low, begin, width) : width;
    const auto floats = [&](int64_t pixels) { return static_cast<size_t>(pixels) * plane.convolution.channels; };
    std::fill_n(to, floats(begin), 0.0f);
    if (end > begin) std::memcpy(to + floats(begin), row + floats(begin + low), floats(end - begin) * sizeof(float));
    std::fill_n(to + floats(end), floats(width - end), 0.0f);
  }
};

Seen& seen() {
  thread_local Seen kept;
  return kept;
}

// Where the pixels of lines `first` to `end` go.
std::vector<float*>& places(const Plane& plane, float* result, size_t first, size_t end) {
  thread_local std::vector<float*> kept;
  kept.clear();
  const auto& axes = plane.convolution.axes;
  const size_t features = plane.convolution.features, step = plane.x.step * features;
  for (size_t l = first; l < end; l++) {
    const size_t row = l / plane.y.count * axes[0].out + plane.y.first + l % plane.y.count * plane.y.step;
    float* to = result + (row * axes[1].out + plane.x.first) * features;
    for (size_t p = 0; p < plane.x.count; p++, to += step) kept.push_back(to);
  }
  return kept;
}

size_t wholeVectors(size_t floats, const ConvolutionLoops& loops) { return ceilDiv(floats, loops.lanes) * loops.lanes; }

// Where a kernel's elements lie, from its place in the window, its channel and its feature.
struct KernelOrder {
  size_t window, channel, feature;

  explicit KernelOrder(const Convolution& c) {
    const size_t channels = c.depthwise ? 1 : c.channels, element = c.windowLast ? c.axes[0].window * c.axes[1].window : 1;
    const bool featuresInside = c.windowLast == c.mirrored;
    window = c.windowLast ? 1 : channels * c.features;
    channel = element * (featuresInside ? c.features : 1);
    feature = element * (featuresInside ? 1 : channels);
  }
};

// The kernel's elements that each of a plane's taps begins with.
std::vector<size_t> placesOf(const Plane& plane, const KernelOrder& order) {
  std::vector<size_t> places;
  for (const Tap& ty : plane.y.taps) {
    for (const Tap& tx : plane.x.taps) places.push_back((ty.window * plane.convolution.axes[1].window + tx.window) * order.window);
  }
  return places;
}

// Channels of a kernel that are written together: what is read and written for them stays in the first-level cache.
constexpr size_t kPackedChannels = 16;

// The kernel in the order of a plane's taps, in panels of columns [depth][columns, in whole vectors].
void packKernel(const Plane& plane, const float* kernel, const ConvolutionLoops& loops, float* memory, Host& host) {
  const Convolution& c = plane.convolution;
  const size_t features = wholeVectors(c.features, loops), panels = ceilDiv(c.features, loops.panel);
  const KernelOrder order(c);
  const std::vector<size_t> places = placesOf(plane, order);
  share(host, panels, plane.depth() * features * 4, [&](size_t panel) {
    const size_t first = panel * loops.panel, columns = std::min(loops.panel, c.features - first), width = std::min(loops.panel, features - first);
    float* to = memory + first * plane.depth();
    if (width > columns) std::fill_n(to, plane.depth() * width, 0.0f);
    for (size_t channel = 0; channel < c.channels; channel += kPackedChannels) {
      const size_t end = std::min(c.channels, channel + kPackedChannels);
      // The innermost loop goes along what lies side by side.
      if (order.feature == 1) {
        for (size_t t = 0; t < places.size(); t++) {
          for (size_t i = channel; i < end; i++) std::copy_n(kernel + places[t] + i * order.channel + first, columns, to + (t * c.channels + i) * width);
        }
      } else {
        for (size_t f = 0; f < columns; f++) {
          const float* from = kernel + (first + f) * order.feature;
          for (size_t i = channel; i < end; i++) {
            for (size_t t = 0; t < places.size(); t++) to[(t * c.channels + i) * width + f] = from[places[t] + i * order.channel];
          }
        }
      }
    }
  });
}

void packDepthwise(const Plane& plane, const float* kernel, float* to) {
  const Convolution& c = plane.convolution;
  const KernelOrder order(c);
  for (const size_t place : placesOf(plane, order)) {
    for (size_t i = 0; i < c.channels; i++) *to++ = kernel[place + i * order.feature];
  }
}

// Tasks that one task may be divided into, so that there are enough of them.
size_t groupsOf(size_t tasks, size_t parts) { return std::clamp<size_t>(ceilDiv(kTasks, tasks), 1, std::max<size_t>(1, parts)); }

void convolvePlane(const Plane& plane, const float* image, const float* weights, const Ending& ending, float* result, Host& host) {
  const Convolution& c = plane.convolution;
  const ConvolutionLoops& loops = loopsOfThisMachine();
  const size_t block = plane.block(), blocks = ceilDiv(plane.lines(), block);
  const size_t panels = c.depthwise ? 1 : ceilDiv(c.features, loops.panel), groups = groupsOf(blocks, panels);
  share(host, blocks * groups, plane.work(), [&](size_t task) {
    const size_t first = task / groups * block, end = std::min(plane.lines(), first + block), group = task % groups;
    Seen& s = seen();
    s.look(plane, image, first, end);
    const size_t pixels = s.from.size(), tiles = ceilDiv(pixels, loops.rows);
    const std::vector<float*>& to = places(plane, result, first, end);
    for (size_t panel = panels * group / groups; panel < panels * (group + 1) / groups; panel++) {
      const size_t column = panel * loops.panel;
      const Ending ofPanel{ending.scale ? ending.scale + column : nullptr, ending.bias ? ending.bias + column : nullptr, ending.added, ending.mask, ending.relu};
      for (size_t t = 0; t < tiles; t++) {
        const size_t start = pixels * t / tiles, rows = pixels * (t + 1) / tiles - start;
        const float* const* from = s.from.data() + start;
        float* const* into = to.data() + start;
        if (c.depthwise) {
          loops.depthwise({from, into, rows, c.channels, plane.taps.data(), plane.taps.data() + plane.taps.size(), weights, ending, result});
        } else {
          loops.forward({from, into, column, rows, plane.runs.data(), plane.runs.data() + plane.runs.size(), weights + column * plane.depth(),
                         std::min(loops.panel, c.features - column), ofPanel, result});
        }
      }
    }
  });
}

// Rows of a kernel's gradient that are computed together: the first one, and what it sees.
struct Rows {
  size_t first, count, offset;
};

std::vector<Rows> rowsOf(const Plane& plane, size_t most) {
  std::vector<Rows> all;
  size_t row = 0;
  for (const Run& run : plane.runs) {
    const size_t tiles = ceilDiv(run.length, most);
    for (size_t t = 0; t < tiles; t++) {
      const size_t from = run.length * t / tiles, count = run.length * (t + 1) / tiles - from;
      all.push_back({row, count, run.offset + from});
      row += count;
    }
  }
  return all;
}

}  // namespace

void convolve(const Convolution& c, const float* image, const float* kernel, const Ending& ending, float* result, Host& host) {
  const std::vector<Phase> ys = phasesOf(c.axes[0], c.mirrored), xs = phasesOf(c.axes[1], c.mirrored);
  const ConvolutionLoops& loops = loopsOfThisMachine();
  for (const Phase& y : ys) {
    for (const Phase& x : xs) {
      const Plane plane(c, y, x);
      float* weights = packed().floats(plane.depth() * wholeVectors(c.features, loops));
      if (c.depthwise) packDepthwise(plane, kernel, weights);
      else packKernel(plane, kernel, loops, weights, host);
      convolvePlane(plane, image, weights, ending, result, host);
    }
  }
}

namespace {

// f is given the plane of a product: one line of `rows` pixels.
template <class F>
void asPlane(size_t rows, size_t depth, size_t columns, bool transposed, F&& f) {
  const Convolution c{1, depth, columns, {{1, 1, 1, 1, 1, 1, 0}, {rows, rows, 1, 1, 1, 1, 0}}, transposed, false, false};
  const std::vector<Phase> ys = phasesOf(c.axes[0], false), xs = phasesOf(c.axes[1], false);
  f(Plane(c, ys.at(0), xs.at(0)));
}

}  // namespace

size_t packedSize(size_t depth, size_t columns) { return depth * ceilDiv(columns, kLongestVector) * kLongestVector; }

void packMatrix(const float* matrix, size_t depth, size_t columns, bool transposed, float* to, Host& host) {
  asPlane(1, depth, columns, transposed, [&](const Plane& plane) { packKernel(plane, matrix, loopsOfThisMachine(), to, host); });
}

void multiplyPacked(const float* a, size_t rows, size_t depth, const float* weights, size_t columns, const float* bias, bool relu, float* result, Host& host) {
  asPlane(rows, depth, columns, false, [&](const Plane& plane) { convolvePlane(plane, a, weights, {nullptr, bias, nullptr, nullptr, relu}, result, host); });
}

void convolveBack(const Convolution& c, const float* image, const float* cotangent, float* kernel, Host& host) {
  const std::vector<Phase> ys = phasesOf(c.axes[0], false), xs = phasesOf(c.axes[1], false);
  const Plane plane(c, ys.at(0), xs.at(0));
  const ConvolutionLoops& loops = loopsOfThisMachine();
  const size_t depth = plane.depth(), width = wholeVectors(c.features, loops);
  const std::vector<Rows> rows = rowsOf(plane, loops.rows);
  const size_t taps = plane.taps.size(), height = c.depthwise ? 1 : c.channels, places = c.axes[0].window * c.axes[1].window;
  // Of places in the window that only ever see zeros the gradient is zero.
  if (taps < places) std::fill_n(kernel, places * height * c.features, 0.0f);
  if (taps == 0) return;
  const size_t tiles = c.depthwise ? ceilDiv(taps, loops.rows) : rows.size();
  // Sums of so many columns stand together, all rows of them, so that they are read one behind the other in the end.
  const size_t panel = c.depthwise ? width : loops.panel;
  const auto widthOf = [&](size_t column) { return std::min(panel, width - column); };
  const size_t block = plane.block(), blocks = ceilDiv(plane.lines(), block);
  // Each part of the pixels has sums of its own, and each group adds some rows to them.
  const size_t parts = std::clamp<size_t>(kSums / (depth * width), 1, std::min(kTasks, blocks)), groups = groupsOf(parts, std::min<size_t>(tiles, 4));
  float* memory = packed().floats(parts * depth * width);
  share(host, parts * groups, plane.work(), [&](size_t task) {
    const size_t part = task / groups, group = task % groups, firstTile = tiles * group / groups, endTile = tiles * (group + 1) / groups;
    float* sums = memory + part * depth * width;
    const auto rowAt = [&](size_t tile) { return c.depthwise ? taps * tile / tiles : tile < tiles ? rows[tile].first : depth; };
    for (size_t column = 0; column < width; column += panel) {
      float* of = sums + column * depth;
      std::fill(of + rowAt(firstTile) * widthOf(column), of + rowAt(endTile) * widthOf(column), 0.0f);
    }
    Seen& s = seen();
    for (size_t b = blocks * part / parts; b < blocks * (part + 1) / parts; b++) {
      const size_t first = b * block;
      s.look(plane, image, first, std::min(plane.lines(), first + block));
      const float* cts = cotangent + first * plane.x.count * c.features;
      for (size_t tile = firstTile; tile < endTile && c.depthwise; tile++) {
        const size_t row = rowAt(tile);
        loops.depthwiseGradient({s.from.data(), s.from.size(), c.channels, plane.taps.data() + row, rowAt(tile + 1) - row, cts, sums + row * width, width});
      }
      for (size_t column = 0; column < c.features && !c.depthwise; column += loops.panel) {
        for (size_t tile = firstTile; tile < endTile; tile++) {
          const Rows& r = rows[tile];
          loops.gradient({s.from.data(), r.offset, s.from.size(), r.count, cts + column, c.features, std::min(loops.panel, c.features - column),
                          sums + column * depth + r.first * widthOf(column), widthOf(column)});
        }
      }
    }
  });
  const KernelOrder order(c);
  const std::vector<size_t> at = placesOf(plane, order);
  const size_t panels = ceilDiv(width, panel), pieces = groupsOf(panels, height);
  share(host, panels * pieces, parts * depth * width * 4, [&](size_t task) {
    const size_t column = task / pieces * panel, group = task % pieces, wide = widthOf(column), features = std::min(wide, c.features - column);
    for (size_t i = height * group / pieces; i < height * (group + 1) / pieces; i++) {
      for (size_t t = 0; t < taps; t++) {
        float* sum = memory + column * depth + (t * height + i) * wide;
        for (size_t part = 1; part < parts; part++) {
          const float* from = sum + part * depth * width;
          for (size_t f = 0; f < features; f++) sum[f] += from[f];
        }
        float* to = kernel + at[t] + i * order.channel + column * order.feature;
        if (order.feature == 1) std::copy_n(sum, features, to);
        else for (size_t f = 0; f < features; f++) to[f * order.feature] = sum[f];
      }
    }
  });
}

}  // namespace hokku
