// A program of `hokku.Fused` made ready for one set of input shapes: what is scalar, where each register lies.
#pragma once

#include <span>
#include <vector>

#include "access.h"
#include "compiled.h"
#include "elementwise.h"
#include "program.h"

namespace hokku {

// Elements per block. Pages of a tensor compete for the same ways of a 32 KiB first-level cache: with 1024 elements, four
// streams and their buffers no longer fit, and AdamW took 1.5 times as long.
constexpr size_t kBlock = 512;

struct Step {
  ElementKernel kernel;
  size_t out, a, b, c;
  unsigned scalars;
  // Instead of the kernel: many operations at once, on the loop's registers.
  std::shared_ptr<const Compiled> code = nullptr;
};

struct LoopPlan {
  // A register which is memory of a tensor: at each block it points to that block's elements.
  struct Direct {
    size_t reg;
    bool output;
    size_t index;
    size_t size;
  };
  struct Gather {
    size_t reg;
    size_t input;
    size_t size;
    size_t offset;
    Access access;
  };
  struct Buffer {
    size_t reg;
    size_t offset;
  };
  struct ScalarLoad {
    size_t reg;
    size_t input;
    size_t size;
  };
  // What is left to do after a block's steps; stores whose register is a Direct need nothing.
  struct Write {
    size_t reg;
    bool output;
    size_t index;
    size_t size;
    bool scalar;
  };
  struct Sum {
    size_t reg;
    size_t output;
    Dtype type;
    SumKernel kernel;
    bool scalar;
    size_t firstPartial;
  };

  // Sums over leading or trailing axes, each added up in order of the elements by one thread. Each total takes `run`
  // elements that stand together. Every `part` blocks of a large array have totals of their own, in `parts` sets.
  struct Totals {
    size_t reg;
    size_t output;
    size_t count;
    size_t run;
    bool scalar;
    size_t first;
    size_t part, parts;
  };

  std::optional<size_t> predicate;
  Shape shape;
  size_t count;
  size_t firstBlock, blocks;
  // A thread takes a multiple of so many blocks, 0: all of them.
  size_t grain = 1;
  size_t firstScalar;
  size_t registers;
  std::vector<std::pair<size_t, uint64_t>> constants;
  std::vector<ScalarLoad> scalarLoads;
  // One element a row: scalars too, in loops that run together.
  std::vector<ScalarLoad> rowLoads;
  std::vector<Step> scalarSteps;
  std::vector<size_t> scalarRegisters;
  std::vector<Direct> direct;
  std::vector<Gather> gathers;
  std::vector<Buffer> buffers;
  std::vector<Step> steps;
  std::vector<Write> writes;
  std::vector<Sum> sums;
  std::vector<Totals> axisSums;

  // Whether all of it is one piece of code from tensors to tensors, for which blocks are no use.
  bool isOneStep() const {
    return steps.size() == 1 && steps[0].code && gathers.empty() && buffers.empty() && writes.empty() && sums.empty() && axisSums.empty();
  }
};

struct Plan {
  std::vector<Shape> inputShapes;
  std::vector<LoopPlan> loops;
  std::vector<Shape> outputShapes;
  size_t blocks = 0;
  // About nanoseconds on one core: decides whether other threads are worth waking.
  size_t cost = 0;
  size_t scalars = 0;
  size_t partials = 0;
  size_t totals = 0;
  size_t scratchBytes = 0;
  size_t maxRegisters = 0;
  // Where loops load what others store: into how many rows each of them is divided.
  std::optional<size_t> rows;
  // Inputs that are written in place.
  std::vector<size_t> inPlace;
};

// Throws std::invalid_argument where the shapes do not fit the program.
Plan makePlan(const Program& program, std::vector<Shape> inputShapes);

}  // namespace hokku
