// Eigenvalues and eigenvectors of symmetric matrices.
#pragma once

#include "host.h"

namespace hokku {

// a [batch, n, n], of which only the lower triangle is read, into eigenvalues w [batch, n], ascending, and, unless v is
// null, the eigenvectors as columns of v [batch, n, n]. NaN where a is not finite. Up to 25 rows signs are LAPACK's.
template <class T>
void eigh(const T* a, size_t batch, size_t n, T* w, T* v, Host& host);

}  // namespace hokku
