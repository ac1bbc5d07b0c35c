#include "fused.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string>

namespace hokku {
namespace {

// Waking other threads costs some microseconds.
constexpr size_t kParallelCost = 12'000;
constexpr size_t kTaskCost = 6'000;
constexpr size_t kMaxTasks = 256;
// Where loops run together: so many elements of each stay in the first-level cache.
constexpr size_t kRowElements = 4096;

// What a run writes beside its outputs, kept between runs of a thread: a node of few elements takes about as long as the
// allocations would.
struct Memory {
  std::vector<uint64_t> scalars;
  std::vector<uint64_t> partials;
  std::vector<double> totals;
  std::vector<std::byte*> outputs;
  std::vector<uint8_t> enabled;
};

Memory& memory() {
  thread_local Memory kept;
  return kept;
}

class Run {
 public:
  Run(const Plan& plan, std::span<const Tensor> inputs, Host& host, Memory& memory)
      : plan_(plan), inputs_(inputs), host_(host), scalars_(memory.scalars), partials_(memory.partials), totals_(memory.totals),
        outputs_(memory.outputs), enabled_(memory.enabled) {
    scalars_.assign(plan.scalars, 0);
    partials_.assign(plan.partials, 0);
    totals_.assign(plan.totals, 0);
    outputs_.clear();
    enabled_.clear();
  }

  void run(const Program& program) {
    checkOverlap(program);
    for (size_t i = 0; i < plan_.outputShapes.size(); i++) {
      outputs_.push_back(static_cast<std::byte*>(host_.output(i, plan_.outputShapes[i])));
      if (!program.outputs[i]) *outputs_[i] = std::byte{1};
    }
    for (const LoopPlan& loop : plan_.loops) {
      enabled_.push_back(!loop.predicate || *static_cast<const uint8_t*>(inputs_[*loop.predicate].data) != 0);
      if (enabled_.back()) computeScalars(loop);
    }
    if (plan_.rows) return runTogether(*plan_.rows);
    if (plan_.cost < kParallelCost || plan_.blocks < 2) {
      runBlocks(0, plan_.blocks, Part::Everything);
    } else {
      if (std::any_of(plan_.loops.begin(), plan_.loops.end(), isInOrder)) runBlocks(0, plan_.blocks, Part::InOrder);
      const size_t tasks = std::min({plan_.blocks, std::max<size_t>(plan_.cost / kTaskCost, 2), kMaxTasks});
      parallelFor(host_, tasks, [&](size_t task) {
        runBlocks(boundary(task, tasks), boundary(task + 1, tasks), Part::Parallel);
      });
    }
    for (const LoopPlan& loop : plan_.loops) {
      for (const LoopPlan::Sum& sum : loop.sums) finishSum(loop, sum);
      for (const LoopPlan::Totals& sum : loop.axisSums) finishTotals(sum, 0, sum.count);
    }
  }

 private:
  // The same memory under two inputs would let one loop see what another has written.
  void checkOverlap(const Program& program) const {
    if (plan_.inPlace.empty()) return;
    struct Range {
      const std::byte* begin;
      const std::byte* end;
      size_t input;
      bool written;
    };
    std::vector<Range> ranges;
    std::vector<uint8_t> seen(inputs_.size());
    const auto add = [&](size_t input, Dtype type, bool written) {
      const size_t bytes = elementCount(inputs_[input].shape) * elementSize(type);
      if (seen[input] || bytes == 0) return;
      seen[input] = 1;
      const auto* begin = static_cast<const std::byte*>(inputs_[input].data);
      ranges.push_back({begin, begin + bytes, input, written});
    };
    for (const Loop& loop : program.loops) {
      for (const Store& store : loop.stores) {
        if (store.kind == StoreKind::InPlace) add(store.index, loop.types[store.reg], true);
      }
    }
    for (const Loop& loop : program.loops) {
      for (size_t i = 0; i < loop.loads.size(); i++) {
        if (loop.loads[i] < inputs_.size()) add(loop.loads[i], loop.types[i], false);
      }
    }
    std::sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) { return a.begin < b.begin; });
    const Range* written = nullptr;
    const Range* any = nullptr;
    for (const Range& range : ranges) {
      const Range* before = range.written ? any : written;
      if (before && before->end > range.begin) {
        throw std::invalid_argument("hokku.Fused: inputs " + std::to_string(before->input) + " and " +
                                    std::to_string(range.input) + " share memory, and one is written in place");
      }
      if (!any || range.end > any->end) any = &range;
      if (range.written && (!written || range.end > written->end)) written = &range;
    }
  }

  void computeScalars(const LoopPlan& loop) {
    uint64_t* s = scalars_.data() + loop.firstScalar;
    for (const auto& [reg, value] : loop.constants) s[reg] = value;
    for (const auto& load : loop.scalarLoads) std::memcpy(&s[load.reg], inputs_[load.input].data, load.size);
    if (loop.rowLoads.empty()) runScalarSteps(loop, s);
  }

  static void runScalarSteps(const LoopPlan& loop, uint64_t* s) {
    for (const Step& step : loop.scalarSteps) {
      step.kernel(&s[step.out], &s[step.a], &s[step.b], &s[step.c], 1, step.scalars);
    }
  }

  void computeRowScalars(const LoopPlan& loop, size_t row, uint64_t* s) const {
    std::copy_n(scalars_.data() + loop.firstScalar, loop.registers, s);
    for (const auto& load : loop.rowLoads) std::memcpy(&s[load.reg], static_cast<const std::byte*>(source(load.input)) + row * load.size, load.size);
    runScalarSteps(loop, s);
  }

  enum class Part { Everything, InOrder, Parallel };
  static bool isInOrder(const LoopPlan& loop) { return loop.grain == 0; }

  const LoopPlan& loopAt(size_t block) const {
    return *--std::upper_bound(plan_.loops.begin(), plan_.loops.end(), block, [](size_t b, const LoopPlan& l) { return b < l.firstBlock; });
  }

  // The first block of a task, where a loop may be divided.
  size_t boundary(size_t task, size_t tasks) const {
    const size_t block = plan_.blocks * task / tasks;
    if (block == plan_.blocks) return block;
    const LoopPlan& loop = loopAt(block);
    return isInOrder(loop) ? block : block - (block - loop.firstBlock) % loop.grain;
  }

  // All loops on some rows, then on the next ones.
  void runTogether(size_t rows) {
    size_t widest = 1;
    for (const LoopPlan& loop : plan_.loops) widest = std::max(widest, loop.count / std::max<size_t>(rows, 1));
    const size_t few = std::max<size_t>(kRowElements / widest, 1), pieces = ceilDiv(rows, few);
    const size_t tasks = plan_.cost < kParallelCost ? std::min<size_t>(pieces, 1) : std::min({pieces, std::max<size_t>(plan_.cost / kTaskCost, 2), kMaxTasks});
    auto run = [&](size_t task) {
      const Registers registers(plan_);
      for (size_t piece = pieces * task / tasks; piece < pieces * (task + 1) / tasks; piece++) {
        const size_t first = piece * few, end = std::min(rows, first + few);
        for (const LoopPlan& loop : plan_.loops) {
          const size_t width = loop.count / rows;
          if (loop.rowLoads.empty()) runLoop(loop, first * width, end * width, registers);
          for (size_t row = first; row < end && !loop.rowLoads.empty(); row++) {
            computeRowScalars(loop, row, registers.scalars);
            runLoop(loop, row * width, (row + 1) * width, registers, registers.scalars);
          }
          for (const LoopPlan::Totals& sum : loop.axisSums) finishTotals(sum, first, end);
        }
      }
    };
    if (tasks > 1) parallelFor(host_, tasks, run);
    else if (tasks == 1) run(0);
  }

  // A thread's own. Kept between runs: fresh memory would be paged in again by every task.
  struct Registers {
    void** at;
    std::byte* scratch;
    uint64_t* scalars;

    explicit Registers(const Plan& plan) {
      thread_local std::vector<std::byte> bytes;
      thread_local std::vector<void*> registers;
      thread_local std::vector<uint64_t> rowScalars;
      constexpr size_t kAlign = 64;
      if (bytes.size() < plan.scratchBytes + kAlign) bytes.resize(plan.scratchBytes + kAlign);
      if (registers.size() < plan.maxRegisters) registers.resize(plan.maxRegisters);
      if (rowScalars.size() < plan.maxRegisters) rowScalars.resize(plan.maxRegisters);
      at = registers.data();
      scalars = rowScalars.data();
      scratch = bytes.data() + (kAlign - reinterpret_cast<uintptr_t>(bytes.data()) % kAlign) % kAlign;
    }
  };

  void runBlocks(size_t first, size_t end, Part part) {
    if (first == end) return;
    const Registers registers(plan_);
    for (const LoopPlan* loop = &loopAt(first); first < end; ++loop) {
      const size_t stop = std::min(end, loop->firstBlock + loop->blocks);
      const bool mine = part == Part::Everything || (part == Part::InOrder) == isInOrder(*loop);
      if (mine && enabled_[static_cast<size_t>(loop - plan_.loops.data())]) {
        runLoop(*loop, (first - loop->firstBlock) * kBlock, std::min((stop - loop->firstBlock) * kBlock, loop->count), registers);
      }
      first = std::max(first, stop);
    }
  }

  std::byte* tensor(bool output, size_t index) const {
    return output ? outputs_[index] : static_cast<std::byte*>(const_cast<void*>(inputs_[index].data));
  }

  const void* source(size_t load) const { return load < inputs_.size() ? inputs_[load].data : outputs_[load - inputs_.size()]; }

  // The elements from `first` to `end`, block by block.
  void runLoop(const LoopPlan& loop, size_t first, size_t end, const Registers& registers, uint64_t* scalars = nullptr) {
    void** reg = registers.at;
    if (!scalars) scalars = &scalars_[loop.firstScalar];
    for (const size_t r : loop.scalarRegisters) reg[r] = &scalars[r];
    for (const auto& buffer : loop.buffers) reg[buffer.reg] = registers.scratch + buffer.offset;
    const size_t most = loop.isOneStep() ? end - first : kBlock;
    for (size_t start = first, n = 0; start < end; start += n) {
      n = std::min(most, end - start);
      for (const auto& d : loop.direct) reg[d.reg] = tensor(d.output, d.index) + start * d.size;
      for (const auto& g : loop.gathers) {
        reg[g.reg] = const_cast<void*>(gather(g.access, source(g.input), g.size, start, n, registers.scratch + g.offset));
      }
      for (const Step& s : loop.steps) {
        if (s.code) s.code->run(reg, n);
        else s.kernel(reg[s.out], reg[s.a], reg[s.b], reg[s.c], n, s.scalars);
      }
      for (const auto& sum : loop.sums) sumBlock(sum, reg[sum.reg], n, partials_[sum.firstPartial + start / kBlock]);
      for (const auto& sum : loop.axisSums) addTotals(sum, static_cast<const float*>(reg[sum.reg]), start, n);
      for (const auto& write : loop.writes) {
        std::byte* target = tensor(write.output, write.index) + start * write.size;
        if (write.scalar) fillKernel(write.size)(target, reg[write.reg], n);
        else std::memcpy(target, reg[write.reg], n * write.size);
      }
    }
  }

  static bool isFloat(Dtype type) { return type == Dtype::F32 || type == Dtype::F64; }

  static void sumBlock(const LoopPlan::Sum& sum, const void* values, size_t n, uint64_t& partial) {
    sum.kernel(&partial, values, sum.scalar ? 1 : n);
    if (!sum.scalar) return;
    if (isFloat(sum.type)) partial = std::bit_cast<uint64_t>(std::bit_cast<double>(partial) * static_cast<double>(n));
    else partial *= n;
  }

  void addTotals(const LoopPlan::Totals& sum, const float* values, size_t start, size_t n) {
    double* totals = totals_.data() + sum.first;
    if (sum.run == 1) return addColumns(sum, totals + (sum.parts > 1 ? start / kBlock / sum.part * sum.count : 0), values, start, n);
    const SumKernel kernel = sumKernel(Dtype::F32);
    for (size_t i = 0; i < n;) {
      const size_t m = std::min(n - i, sum.run - (start + i) % sum.run);
      uint64_t partial;
      kernel(&partial, sum.scalar ? values : values + i, sum.scalar ? 1 : m);
      totals[(start + i) / sum.run] += std::bit_cast<double>(partial) * (sum.scalar ? static_cast<double>(m) : 1);
      i += m;
    }
  }

  static void addColumns(const LoopPlan::Totals& sum, double* totals, const float* values, size_t start, size_t n) {
    size_t column = start % sum.count;
    for (size_t i = 0; i < n; column = 0) {
      const size_t m = std::min(n - i, sum.count - column);
      double* __restrict to = totals + column;
      if (sum.scalar) {
        for (size_t k = 0; k < m; k++) to[k] += static_cast<double>(*values);
      } else {
        for (size_t k = 0; k < m; k++) to[k] += static_cast<double>(values[i + k]);
      }
      i += m;
    }
  }

  void finishTotals(const LoopPlan::Totals& sum, size_t first, size_t end) {
    auto* out = reinterpret_cast<float*>(outputs_[sum.output]);
    double* totals = totals_.data() + sum.first;
    for (size_t part = 1; part < sum.parts; part++) {
      for (size_t k = first; k < end; k++) totals[k] += totals[part * sum.count + k];
    }
    for (size_t k = first; k < end; k++) out[k] = static_cast<float>(totals[k]);
  }

  void finishSum(const LoopPlan& loop, const LoopPlan::Sum& sum) {
    const std::span<const uint64_t> partials(partials_.data() + sum.firstPartial, loop.blocks);
    if (isFloat(sum.type)) {
      double total = 0;
      for (const uint64_t partial : partials) total += std::bit_cast<double>(partial);
      const auto narrow = static_cast<float>(total);
      if (sum.type == Dtype::F32) std::memcpy(outputs_[sum.output], &narrow, sizeof(narrow));
      else std::memcpy(outputs_[sum.output], &total, sizeof(total));
    } else {
      uint64_t total = 0;
      for (const uint64_t partial : partials) total += partial;
      std::memcpy(outputs_[sum.output], &total, elementSize(sum.type));
    }
  }

  const Plan& plan_;
  std::span<const Tensor> inputs_;
  Host& host_;
  std::vector<uint64_t>& scalars_;
  std::vector<uint64_t>& partials_;
  std::vector<double>& totals_;
  std::vector<std::byte*>& outputs_;
  std::vector<uint8_t>& enabled_;
};

}  // namespace

Fused::Fused(std::span<const int64_t> code, std::span<const int64_t> inputTypes, size_t numOutputs)
    : program_(parseProgram(code, inputTypes, numOutputs)) {}

std::shared_ptr<const Plan> Fused::planFor(std::span<const Tensor> inputs) const {
  const std::lock_guard lock(mutex_);
  const auto fits = [&] {
    for (size_t i = 0; i < inputs.size(); i++) {
      if (!std::ranges::equal(plan_->inputShapes[i], inputs[i].shape)) return false;
    }
    return true;
  };
  if (!plan_ || !fits()) {
    std::vector<Shape> shapes;
    for (const Tensor& input : inputs) shapes.emplace_back(input.shape.begin(), input.shape.end());
    plan_ = std::make_shared<const Plan>(makePlan(program_, std::move(shapes)));
  }
  return plan_;
}

void Fused::run(std::span<const Tensor> inputs, Host& host) const {
  const std::shared_ptr<const Plan> plan = planFor(inputs);
  Run(*plan, inputs, host, memory()).run(program_);
}

}  // namespace hokku
