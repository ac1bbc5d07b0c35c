// Solves with triangular matrices.
#pragma once

#include <vector>

#include "matrices.h"

namespace hokku {

struct Triangle {
  bool lower, transposed, unit;
};

// x with op(a) x = b: a [batch, n, n], of which only the triangle is read, b and x [batch, n, k]; op is the transpose where
// told, and the diagonal counts as ones where `unit`.
template <class T>
void triangularSolve(const T* a, const T* b, size_t batch, size_t n, size_t k, Triangle kind, T* x, Host& host);

// Right-hand sides x [n, k] in double are replaced by the solution.
template <class T>
void substitute(const T* a, size_t n, Triangle kind, double* x, size_t k);

// Blocks of columns of b [batch, n, k], each brought to double, solved by solve(matrix, x, columns) and stored in x.
template <class T, class F>
void solveBlocks(const T* b, size_t batch, size_t n, size_t k, T* x, Host& host, F&& solve) {
  constexpr size_t kColumns = 32;
  const size_t blocks = (k + kColumns - 1) / kColumns;
  forEachPart(host, batch * blocks, batch * n * n * k / 2, [&](size_t part) {
    const size_t matrix = part / blocks, first = part % blocks * kColumns, columns = std::min(kColumns, k - first);
    const size_t at = matrix * n * k + first;
    std::vector<double> work(n * columns);
    for (size_t i = 0; i < n; i++) std::copy_n(b + at + i * k, columns, work.begin() + static_cast<std::ptrdiff_t>(i * columns));
    solve(matrix, work.data(), columns);
    for (size_t i = 0; i < n; i++) {
      for (size_t c = 0; c < columns; c++) x[at + i * k + c] = static_cast<T>(work[i * columns + c]);
    }
  });
}

}  // namespace hokku
