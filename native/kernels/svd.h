// Singular value decompositions.
#pragma once

#include "host.h"

namespace hokku {

enum class Vectors { None, Reduced, Full };

// a [batch, m, n] into singular values s [batch, k], descending, k = min(m, n), and, where told, u [batch, m, k] and
// vt [batch, k, n] with a = u s vt, or u [batch, m, m] and vt [batch, n, n]. NaN where a is not finite. Up to 25 rows or
// columns signs are LAPACK's.
template <class T>
void svd(const T* a, size_t batch, size_t m, size_t n, Vectors vectors, T* s, T* u, T* vt, Host& host);

// The pseudo-inverse [batch, n, m] of a [batch, m, n]: singular values up to rtol[matrix] times the largest count as 0.
template <class T>
void pinv(const T* a, const T* rtol, size_t batch, size_t m, size_t n, T* out, Host& host);

}  // namespace hokku
