// Cholesky decomposition of symmetric positive definite matrices.
#pragma once

#include "host.h"

namespace hokku {

// a [batch, n, n], of which only the lower triangle is read, into l lower triangular with a = l l'. NaN on and below the
// diagonal where a is not positive definite.
template <class T>
void cholesky(const T* a, size_t batch, size_t n, T* l, Host& host);

}  // namespace hokku
