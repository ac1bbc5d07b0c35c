// `hokku.Fused`: runs a program of elementwise loops over tensors, block by block.
#pragma once

#include <memory>
#include <mutex>
#include <span>

#include "host.h"
#include "plan.h"
#include "program.h"

namespace hokku {

class Fused {
 public:
  // Throws std::invalid_argument where the program is ill-formed; see parseProgram.
  Fused(std::span<const int64_t> code, std::span<const int64_t> inputTypes, size_t numOutputs);

  const Program& program() const { return program_; }

  // Inputs that the program stores in place are written although their data is const. Throws std::invalid_argument
  // before anything is written. Safe to call from several threads at once.
  void run(std::span<const Tensor> inputs, Host& host) const;

 private:
  std::shared_ptr<const Plan> planFor(std::span<const Tensor> inputs) const;

  Program program_;
  // Shapes seldom change between runs, and a plan costs more than a small run.
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const Plan> plan_;
};

}  // namespace hokku
