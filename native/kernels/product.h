// Products of float32 matrices: few rows as they are, many after copying both operands into the order of the loops.
#pragma once

#include "host.h"

namespace hokku {

// c [m, n] = a·b, plus bias [n] where there is one, then max(c, 0) where `relu` says so (NaN stays NaN), then 0 where mask [m, n], if
// there is one, is not positive.
struct Product {
  const float* a;
  const float* b;
  const float *bias, *mask;
  float* c;
  size_t m, n, k;
  // a is [k, m]; b is [n, k].
  bool transA, transB;
  bool relu;
};

// Each element is summed in the order of k, so its bits depend on nothing else.
void multiply(const Product& product, Host& host);

// The loops on one instruction set.
struct ProductLoops {
  // Columns `first` to `end`, of operands as they are, but where b is transposed those columns of it are turned in `memory`.
  void (*columns)(const Product& product, size_t first, size_t end, float* memory);
  // Rows `row` to `rowEnd` of a, elements k to end, into the order of the block's loop; writes up to `lanes` floats more.
  void (*packRows)(const Product& product, size_t row, size_t rowEnd, size_t k, size_t end, float* to);
  // That block of rows, packed depth after depth, times columns `first` to `end`.
  void (*block)(const Product& product, size_t row, size_t rowEnd, const float* packed, size_t first, size_t end, float* memory);
  // At most so many rows of a block, and elements of k of a depth; columns that are packed together, floats of a block's `memory`.
  size_t blockRows, depth, strip, memory, lanes;
};

extern const ProductLoops kProductAvx2, kProductAvx512;

}  // namespace hokku
