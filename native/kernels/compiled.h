// Runs of cheap float32 instructions as machine code: what stays in registers between them does not pass through the
// cache, and memory is read while the processor computes.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "opcodes.h"

namespace hokku {

// An instruction of a loop, in terms of the loop's registers.
struct Operation {
  Opcode opcode;
  // Of the operands: a comparison's result is a bool.
  Dtype type;
  size_t out;
  size_t operands[3];
  // Bit k: operand k is one value for all elements.
  unsigned scalars;
  // Whether the result is wanted in memory.
  bool stored;
};

class Compiled {
 public:
  // Whether there is code for an instruction at all.
  static bool knows(Opcode opcode, Dtype result, Dtype operand);
  // Null where the operations need more registers than there are, or bools leave them, or this machine cannot run it.
  // Reads what none of them makes, and writes what is `stored`; a result may be written where an operand was that is
  // not read later.
  static std::shared_ptr<const Compiled> make(std::span<const Operation> operations);

  Compiled(const Compiled&) = delete;
  Compiled& operator=(const Compiled&) = delete;
  ~Compiled();

  // `registers`: where each register's n elements are, of a scalar its value.
  void run(void* const* registers, size_t n) const;

 private:
  Compiled() = default;
  using Code = void (*)(void* const* registers, size_t bytes);
  Code code_ = nullptr;
  size_t mapped_ = 0;
  std::vector<size_t> reads_, writes_, scalars_;
  size_t registers_ = 0;
};

}  // namespace hokku
