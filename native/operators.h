// The custom operator domain `hokku` (version 1): Fused, RandomBits, RandomSplit, RandomFoldIn, Qr, Product.
#pragma once

#include "ort_api.h"

namespace hokku {

// Makes the domain for one engine; add it to the options of every session. Its operators live as long as the process,
// as the engine does, because sessions keep pointers to them.
OrtStatus* CreateOperatorDomain(const OrtApi* api, OrtCustomOpDomain** out);

}  // namespace hokku
