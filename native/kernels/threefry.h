// JAX's Threefry-2x32 random bits, in both of its modes.
#pragma once

#include "host.h"

namespace hokku {

struct Key {
  uint32_t words[2];
};

// `width` bits (8, 16, 32, 64) for each of `count` elements, as unsigned integers of that width.
void randomBits(Key key, size_t count, int width, bool partitionable, void* out, Host& host);

// `num` keys of two words each.
void splitKey(Key key, size_t num, bool partitionable, uint32_t* out, Host& host);

Key foldIn(Key key, uint32_t data);

}  // namespace hokku
