// Products of float32 matrices of which one side is small: nothing is copied into another order first.
#pragma once

#include "host.h"

namespace hokku {

// c [m, n] = a·b, plus bias [n] where there is one, then max(c, 0) where `relu` says so; NaN stays NaN.
struct Product {
  const float* a;
  const float* b;
  const float* bias;
  float* c;
  size_t m, n, k;
  // a is [k, m], or b is [n, k]; never both.
  bool transA, transB;
  bool relu;
};

// Each element is summed in the order of k, so its bits depend on nothing else.
void multiply(const Product& product, Host& host);

// Columns `first` to `end` on one instruction set.
void multiplyAvx2(const Product& product, size_t first, size_t end);
void multiplyAvx512(const Product& product, size_t first, size_t end);

}  // namespace hokku
