/**
 * What must be known of a model before an engine sees it, and what the training engine does not check and then dies of: read
 * from the file itself, with just enough of protobuf's wire format.
 */
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "operators.h"
#include "tensors.h"

namespace hokku {

struct ModelScan {
  /** Without those that have an initializer. */
  std::vector<Declared> inputs;
  std::vector<Declared> outputs;
  /** Outputs of pooling gradients whose shape the model does not say: the engine takes it from there. */
  std::vector<std::string> unshaped_pool_gradients;
};

/** Throws FileFormatError where the file cannot be read; `what` names it. */
std::vector<uint8_t> ReadFile(const std::string& path, const std::string& what);
/** Throws FileFormatError where the bytes are no model; `what` names it. */
ModelScan ScanModel(std::span<const uint8_t> bytes, const std::string& what);
/** Which of our own operators a model uses; all of them where the bytes cannot be read. */
OperatorSet OperatorsOf(std::span<const uint8_t> bytes);
/** A checkpoint without values; `bytes` is the whole file. Anything unreadable is left to the engine's own check. */
bool IsNominalCheckpoint(std::span<const uint8_t> bytes);

}  // namespace hokku
