// The attribute of `hokku.Fused`, decoded and checked. Encoding: `opcodes.h`.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "opcodes.h"

namespace hokku {

struct Instruction {
  Opcode opcode;
  Dtype dtype;
  int64_t operands[3];
  uint64_t constant;
};

struct Store {
  size_t reg;
  StoreKind kind;
  size_t index;
  // Of Columns, Rows and KeptRows: how many axes are summed.
  size_t axes = 0;
};

struct Loop {
  std::optional<size_t> predicate;
  // Inputs, and behind them the outputs.
  std::vector<size_t> loads;
  std::vector<Instruction> instructions;
  std::vector<Store> stores;
  // Of all registers: the loads', then the instructions'.
  std::vector<Dtype> types;
};

struct Program {
  std::vector<Loop> loops;
  // Null for an output which no loop stores: a token, bool [1].
  std::vector<std::optional<Dtype>> outputs;
};

// `inputTypes` are ONNX element types; only loaded inputs need one that a register can have. Throws
// std::invalid_argument, whose text says what is wrong where.
Program parseProgram(std::span<const int64_t> code, std::span<const int64_t> inputTypes, size_t numOutputs);

}  // namespace hokku
