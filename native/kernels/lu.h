// LU decomposition with partial pivoting, and what follows from it.
#pragma once

#include "host.h"

namespace hokku {

// a [batch, m, n] into lu of the same shape: below the diagonal l (whose diagonal is ones), on and above it u. Step i
// exchanged row i with row pivots[i] (k = min(m, n) of them); the rows of a in the order `permutation` (m) are l u.
template <class T>
void lu(const T* a, size_t batch, size_t m, size_t n, T* out, int32_t* pivots, int32_t* permutation, Host& host);

// What the exchanges of rows i and pivots[i], k of them, make of the order 0, 1, ... size - 1. Exchanges with rows that are
// not there are an error.
void permutationOf(const int32_t* pivots, size_t batch, size_t k, size_t size, int32_t* permutation);

// x with a x = b, or a' x = b: lu [batch, n, n] and permutation [batch, n] of a, b and x [batch, n, k].
template <class T>
void luSolve(const T* lu, const int32_t* permutation, const T* b, size_t batch, size_t n, size_t k, bool transposed, T* x, Host& host);

// The determinants of a [batch, n, n]: sign (0 where singular), the logarithm of the absolute value, and the value.
template <class T>
void determinant(const T* a, size_t batch, size_t n, T* sign, T* logarithm, T* value, Host& host);

// The matrix of cofactors of each of a [batch, n, n], singular or not: det(a) times the transpose of the inverse.
template <class T>
void cofactors(const T* a, size_t batch, size_t n, T* out, Host& host);

}  // namespace hokku
