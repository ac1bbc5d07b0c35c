// The custom operator domain `hokku` (version 1).
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string_view>

#include "ort_api.h"

namespace hokku {

// Some of the domain's operators, a bit each.
using OperatorSet = uint32_t;
constexpr OperatorSet kAllOperators = ~OperatorSet{0};
constexpr std::string_view kOperatorDomain = "hokku";

// The operator of that name, or all where there is none: then the engine says so.
OperatorSet OperatorNamed(std::string_view name);

// The domain of one engine, as parts of it. The engine registers every operator of a domain anew with every session, which
// costs more than the rest of a small one: so a session gets those that its model uses. Parts live as long as the
// process, as the engine does, because sessions keep pointers to them.
class OperatorDomains {
 public:
  explicit OperatorDomains(const OrtApi* api) : api_(api) {}
  // Null for no operators.
  OrtStatus* Get(OperatorSet which, OrtCustomOpDomain** out);

 private:
  const OrtApi* api_;
  std::mutex mutex_;
  std::map<OperatorSet, OrtCustomOpDomain*> made_;
};

}  // namespace hokku
