#include "threefry.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "targets.h"
#include "threefry_loops.h"

namespace hokku {
namespace {

#include "threefry.inc"

const ThreefryLoops& loops() {
#ifdef HOKKU_X86_TARGETS
  switch (detectTarget()) {
    case Target::Avx512: return threefryLoopsAvx512();
    case Target::Avx2: return threefryLoopsAvx2();
    case Target::Base: break;
  }
#endif
  return kLoops;
}

// Divides 2^32, so that no chunk sees the high word of its counter change. About ten microseconds of work.
constexpr size_t kChunk = size_t{1} << 15;

template <class F>
void inChunks(Host& host, size_t count, F f) {
  if (count <= kChunk) {
    if (count > 0) f(size_t{0}, count);
    return;
  }
  parallelFor(host, (count + kChunk - 1) / kChunk, [&](size_t chunk) {
    f(chunk * kChunk, std::min(kChunk, count - chunk * kChunk));
  });
}

void checkLegacy(uint64_t words) {
  if (words > 0xffffffffu) throw std::invalid_argument("more than 2^32 random words need the partitionable mode");
}

// Legacy: the counters 0 to n - 1, padded to an even number by one 0, are hashed half against half.
void legacyWords(Key key, size_t n, uint32_t* out, Host& host) {
  checkLegacy(n);
  const size_t pairs = n / 2;
  const size_t half = pairs + n % 2;
  const ThreefryLoops& l = loops();
  inChunks(host, pairs, [&](size_t start, size_t length) {
    l.halves(key, static_cast<uint32_t>(start), static_cast<uint32_t>(half + start), length, out + start,
             out + half + start);
  });
  if (n % 2) out[pairs] = threefry(key, static_cast<uint32_t>(pairs), 0).first;
}

void legacyBits(Key key, size_t count, int width, void* out, Host& host) {
  if (width == 32) return legacyWords(key, count, static_cast<uint32_t*>(out), host);
  if (width == 64) {
    checkLegacy(uint64_t{2} * count);
    const ThreefryLoops& l = loops();
    return inChunks(host, count, [&](size_t start, size_t length) {
      l.wideHalves(key, static_cast<uint32_t>(start), static_cast<uint32_t>(count + start), length,
                   static_cast<uint64_t*>(out) + start);
    });
  }
  const size_t bytes = count * static_cast<size_t>(width) / 8;
  std::vector<uint32_t> words((bytes + 3) / 4);
  legacyWords(key, words.size(), words.data(), host);
  if (bytes > 0) std::memcpy(out, words.data(), bytes);
}

}  // namespace

void randomBits(Key key, size_t count, int width, bool partitionable, void* out, Host& host) {
  if (width != 8 && width != 16 && width != 32 && width != 64) {
    throw std::invalid_argument("the width of random bits must be 8, 16, 32 or 64");
  }
  if (!partitionable) return legacyBits(key, count, width, out, host);
  const ThreefryLoops& l = loops();
  inChunks(host, count, [&](size_t start, size_t n) {
    switch (width) {
      case 8: return l.partitionable8(key, start, n, static_cast<uint8_t*>(out) + start);
      case 16: return l.partitionable16(key, start, n, static_cast<uint16_t*>(out) + start);
      case 32: return l.partitionable32(key, start, n, static_cast<uint32_t*>(out) + start);
      default: return l.partitionable64(key, start, n, static_cast<uint64_t*>(out) + start);
    }
  });
}

void splitKey(Key key, size_t num, bool partitionable, uint32_t* out, Host& host) {
  if (!partitionable) return legacyWords(key, 2 * num, out, host);
  const ThreefryLoops& l = loops();
  inChunks(host, num, [&](size_t start, size_t n) { l.pairs(key, start, n, out + 2 * start); });
}

Key foldIn(Key key, uint32_t data) {
  const Pair p = threefry(key, 0, data);
  return {{p.first, p.second}};
}

}  // namespace hokku
