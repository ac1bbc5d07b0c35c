// The singular value decomposition of an upper bidiagonal matrix.
#pragma once

#include <vector>

namespace hokku {

// Diagonal d and the elements e above it become the singular values, unsorted and not negative, and zeros. Where u and v are
// not empty their rows, d.size() of them, are turned along: u holds left singular vectors, v right ones. False where the
// iteration does not converge, up to a rounding `epsilon`.
bool diagonalizeBidiagonal(std::vector<double>& d, std::vector<double>& e, std::vector<double>& u, std::vector<double>& v, double epsilon);

}  // namespace hokku
