// Reduced QR decomposition by Householder reflections, with LAPACK's signs.
#pragma once

#include "host.h"

namespace hokku {

// a [batch, m, n] into q [batch, m, k] and r [batch, k, n], k = min(m, n), all row-major.
template <class T>
void qr(const T* a, size_t batch, size_t m, size_t n, T* q, T* r, Host& host);

}  // namespace hokku
