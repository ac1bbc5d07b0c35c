// Convolutions of float32 images whose channels come last. Images are read where they lie: no matrix of columns is made.
#pragma once

#include "host.h"

namespace hokku {

struct ConvolutionAxis {
  size_t in, out, window;
  // `spread` - 1 zeros stand between elements of the image; one of `stride` and `spread` is 1.
  size_t stride, spread, dilation;
  // Zeros before the image; negative ones cut.
  int64_t low;
};

struct Convolution {
  size_t images, channels, features;
  ConvolutionAxis axes[2];
  // The kernel is that of the convolution whose transpose this is: read backwards, features and channels exchanged.
  bool mirrored;
  // Each channel is a feature, with a kernel [height, width, 1, channels] of its own.
  bool depthwise;
  // Kernels have their window last: [features, channels, window, window], mirrored [channels, features, …], depthwise [channels, 1, …].
  bool windowLast;
};

// What happens to a result while it is in registers. Pointers may be null; there is a bias where there is a scale.
struct Ending {
  // One for each feature.
  const float *scale, *bias;
  // Of the result's shape.
  const float* added;
  // Of the result's shape: where it is not positive, the result is 0, after the ReLU.
  const float* mask;
  bool relu;
};

// result [images, out, out, features] of image [images, in, in, channels] and kernel [window, window, channels, features]. Every
// element is summed in the order of the kernel, so its bits do not depend on the threads.
void convolve(const Convolution& convolution, const float* image, const float* kernel, const Ending& ending, float* result, Host& host);

// The cotangent of the kernel of a plain convolution: no spread, not mirrored. Its bits do not depend on the threads either.
void convolveBack(const Convolution& convolution, const float* image, const float* cotangent, float* kernel, Host& host);

// A matrix [depth, columns], or where it is transposed [columns, depth], in the order in which products read it, for many of them.
size_t packedSize(size_t depth, size_t columns);
void packMatrix(const float* matrix, size_t depth, size_t columns, bool transposed, float* packed, Host& host);
// result [rows, columns] of a [rows, depth] and a packed matrix: a convolution of one line with a window of one pixel.
void multiplyPacked(const float* a, size_t rows, size_t depth, const float* packed, size_t columns, const float* bias, bool relu, float* result, Host& host);

// Consecutive floats that the kernel sees, from a pixel's first one on.
struct Run {
  size_t offset, length;
};

// Pixels of the result: what their first taps see and where they go, and the panel of the kernel that makes their features from
// `first` on, [channels of all taps][columns].
struct ForwardTile {
  const float* const* from;
  float* const* to;
  size_t first, rows;
  const Run *runs, *runsEnd;
  const float* kernel;
  // Columns of the panel that exist.
  size_t columns;
  // `scale` and `bias` begin with the panel's; `added`, `mask` and `result` are whole.
  Ending ending;
  const float* result;
};

// `rows` of a kernel's gradient, which see floats one behind the other from `from[pixel] + offset` on; added to `sums`.
struct GradientTile {
  const float* const* from;
  size_t offset, pixels, rows;
  const float* cotangent;
  size_t features, columns;
  float* sums;
  size_t stride;
};

// As the forward tile, channel by channel; `taps` are offsets, the kernel is [taps][channels].
struct DepthwiseTile {
  const float* const* from;
  float* const* to;
  size_t rows, channels;
  const size_t *taps, *tapsEnd;
  const float* kernel;
  Ending ending;
  const float* result;
};
struct DepthwiseGradientTile {
  const float* const* from;
  size_t pixels, channels;
  const size_t* taps;
  // How many taps.
  size_t rows;
  const float* cotangent;
  float* sums;
  size_t stride;
};

// The loops on one instruction set.
struct ConvolutionLoops {
  // Rows of a tile at most, floats of a vector, columns of a panel.
  size_t rows, lanes, panel;
  void (*forward)(const ForwardTile&);
  void (*gradient)(const GradientTile&);
  void (*depthwise)(const DepthwiseTile&);
  void (*depthwiseGradient)(const DepthwiseGradientTile&);
};

extern const ConvolutionLoops kConvolutionAvx2, kConvolutionAvx512;

}  // namespace hokku
