// Maxima and sums of windows of float32 images whose channels come last.
#pragma once

#include "convolution.h"

namespace hokku {

// result [images, out, out, channels] of image [images, in, in, channels]; features, kernels and spreads have no meaning here. What lies
// beyond the image takes no part; a NaN that a window sees is its maximum.
void poolMax(const Convolution& windows, const float* image, float* result, Host& host);
void poolSum(const Convolution& windows, const float* image, float* result, Host& host);

// The cotangent of the image of poolMax: each window gives its own to the first element, row by row, that equals its maximum.
void poolMaxBack(const Convolution& windows, const float* image, const float* result, const float* cotangent, float* gradient, Host& host);

}  // namespace hokku
