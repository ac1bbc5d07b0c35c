#include "plan.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <string>

namespace hokku {
namespace {

constexpr size_t kNever = static_cast<size_t>(-1);

std::string text(std::span<const int64_t> shape) {
  std::string out = "[";
  for (size_t i = 0; i < shape.size(); i++) out.append(i ? "," : "").append(std::to_string(shape[i]));
  return out + "]";
}

// Picoseconds per element of a vector loop whose operands are in the first-level cache, roughly.
size_t stepCost(Opcode opcode, Dtype type) {
  const size_t width = elementSize(type);
  switch (opcode) {
    case Opcode::Pow:
    case Opcode::Sin:
    case Opcode::Cos:
    case Opcode::Tan:
    case Opcode::Atan2:
    case Opcode::Rem:
    case Opcode::NextAfter: return 8000;
    case Opcode::Exp:
    case Opcode::Log:
    case Opcode::Log1p:
    case Opcode::Expm1:
    case Opcode::Tanh:
    case Opcode::Logistic:
    case Opcode::Erf:
    case Opcode::ErfInv: return width == 8 ? 10000 : 1000;
    default: return 25 * width / 2;
  }
}

class LoopPlanner {
 public:
  LoopPlanner(const Loop& loop, size_t index, Plan& plan) : loop_(loop), index_(index), plan_(plan) {
    out_.predicate = loop.predicate;
    out_.registers = loop.types.size();
    scalar_.assign(loop.types.size(), false);
    lastUse_.assign(loop.types.size(), kNever);
    isDirect_.assign(loop.types.size(), false);
    offset_.assign(loop.types.size(), kNever);
  }

  LoopPlan make() {
    findShape();
    planLoads();
    findScalars();
    findLastUses();
    planDirectStores();
    planSteps();
    planStores();
    out_.firstScalar = plan_.scalars;
    plan_.scalars += out_.registers;
    out_.firstBlock = plan_.blocks;
    plan_.blocks += out_.blocks;
    plan_.scratchBytes = std::max(plan_.scratchBytes, scratch_);
    plan_.maxRegisters = std::max(plan_.maxRegisters, out_.registers);
    plan_.cost += 300 + out_.count * picoseconds_ / 1000;
    for (size_t r = 0; r < scalar_.size(); r++) {
      if (scalar_[r]) out_.scalarRegisters.push_back(r);
    }
    return std::move(out_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw std::invalid_argument("hokku.Fused, loop " + std::to_string(index_) + ": " + what);
  }

  bool isOutput(size_t load) const { return load >= plan_.inputShapes.size(); }
  const Shape& shapeOf(size_t load) const {
    return isOutput(load) ? plan_.outputShapes[load - plan_.inputShapes.size()] : plan_.inputShapes[load];
  }
  size_t sizeOf(size_t reg) const { return elementSize(loop_.types[reg]); }

  void findShape() {
    for (const size_t input : loop_.loads) {
      auto merged = broadcast(out_.shape, shapeOf(input));
      if (!merged) fail("shapes " + text(out_.shape) + " and " + text(shapeOf(input)) + " do not broadcast");
      out_.shape = std::move(*merged);
    }
    out_.count = elementCount(out_.shape);
    out_.blocks = (out_.count + kBlock - 1) / kBlock;
    if (loop_.predicate && elementCount(shapeOf(*loop_.predicate)) != 1) fail("the predicate is not a scalar");
    for (const Store& store : loop_.stores) {
      if (store.kind != StoreKind::InPlace || shapeOf(store.index) == out_.shape) continue;
      fail("expected shape " + text(out_.shape) + " of input " + std::to_string(store.index) +
           ", which is written in place, got " + text(shapeOf(store.index)));
    }
  }

  void planLoads() {
    for (size_t reg = 0; reg < loop_.loads.size(); reg++) {
      const size_t input = loop_.loads[reg];
      Access access = makeAccess(shapeOf(input), out_.shape);
      if (isOneARow(access)) {
        scalar_[reg] = true;
        out_.rowLoads.push_back({reg, input, sizeOf(reg)});
      } else if (access.kind == AccessKind::Scalar) {
        scalar_[reg] = true;
        out_.scalarLoads.push_back({reg, input, sizeOf(reg)});
      } else if (access.kind == AccessKind::Identity) {
        isDirect_[reg] = true;
        out_.direct.push_back({reg, isOutput(input), isOutput(input) ? input - plan_.inputShapes.size() : input, sizeOf(reg)});
        picoseconds_ += 15 * sizeOf(reg);
      } else {
        offset_[reg] = allocate(sizeOf(reg));
        out_.gathers.push_back({reg, input, sizeOf(reg), offset_[reg], std::move(access)});
        picoseconds_ += 100;
      }
    }
  }

  bool isOneARow(const Access& access) const {
    if (!plan_.rows) return false;
    if (access.kind == AccessKind::Scalar) return *plan_.rows == 1;
    return access.kind == AccessKind::Cycle && access.every > 1 && access.period == *plan_.rows && access.every * *plan_.rows == out_.count;
  }

  void findScalars() {
    for (size_t i = 0; i < loop_.instructions.size(); i++) {
      const Instruction& instruction = loop_.instructions[i];
      bool scalar = true;
      for (int k = 0; k < operandCount(instruction.opcode); k++) {
        scalar = scalar && scalar_[static_cast<size_t>(instruction.operands[k])];
      }
      scalar_[loop_.loads.size() + i] = scalar;
    }
  }

  void findLastUses() {
    for (size_t i = 0; i < loop_.instructions.size(); i++) {
      const Instruction& instruction = loop_.instructions[i];
      for (int k = 0; k < operandCount(instruction.opcode); k++) {
        lastUse_[static_cast<size_t>(instruction.operands[k])] = i;
      }
    }
    for (const Store& store : loop_.stores) storeUses_.push_back(store.reg);
  }

  // The instruction that makes a stored value writes straight into the target. In place this needs every read of the
  // target's old elements to be over by then.
  void planDirectStores() {
    for (const Store& store : loop_.stores) {
      const size_t reg = store.reg;
      if (store.kind == StoreKind::Sum || sumsAxes(store.kind) || scalar_[reg] || isDirect_[reg] || reg < loop_.loads.size()) continue;
      const size_t producer = reg - loop_.loads.size();
      if (store.kind == StoreKind::InPlace && readAfter(store.index, producer)) continue;
      isDirect_[reg] = true;
      out_.direct.push_back({reg, store.kind == StoreKind::Output, store.index, sizeOf(reg)});
    }
  }

  bool readAfter(size_t input, size_t producer) const {
    for (size_t reg = 0; reg < loop_.loads.size(); reg++) {
      if (loop_.loads[reg] != input) continue;
      if (lastUse_[reg] != kNever && lastUse_[reg] > producer) return true;
      if (isStored(reg)) return true;
    }
    return false;
  }

  Dtype operandType(const Instruction& instruction) const {
    return loop_.types[static_cast<size_t>(instruction.operands[instruction.opcode == Opcode::Select ? 1 : 0])];
  }

  bool isStored(size_t reg) const { return std::find(storeUses_.begin(), storeUses_.end(), reg) != storeUses_.end(); }

  Operation operationOf(size_t i) const {
    const Instruction& instruction = loop_.instructions[i];
    const size_t out = loop_.loads.size() + i;
    Operation o{instruction.opcode, operandType(instruction), out, {out, out, out}, 0, isStored(out)};
    for (int k = 0; k < operandCount(instruction.opcode); k++) {
      o.operands[k] = static_cast<size_t>(instruction.operands[k]);
      if (scalar_[o.operands[k]]) o.scalars |= 1u << k;
    }
    return o;
  }

  void planSteps() {
    std::vector<size_t> order;
    for (size_t i = 0; i < loop_.instructions.size(); i++) {
      const size_t out = loop_.loads.size() + i;
      if (loop_.instructions[i].opcode == Opcode::Const) out_.constants.emplace_back(out, loop_.instructions[i].constant);
      else if (scalar_[out]) out_.scalarSteps.push_back(stepOf(operationOf(i)));
      else order.push_back(i);
    }
    for (std::span<const size_t> rest = order; !rest.empty();) {
      const size_t taken = planCompiled(rest);
      if (taken == 0) planStep(rest[0]);
      rest = rest.subspan(std::max<size_t>(taken, 1));
    }
  }

  Step stepOf(const Operation& o) const {
    return {elementKernel(o.opcode, loop_.types[o.out], o.type), o.out, o.operands[0], o.operands[1], o.operands[2], o.scalars};
  }

  // Buffers are reused as soon as their register is dead; a result may even take its own operand's buffer.
  void planStep(size_t i) {
    const Operation o = operationOf(i);
    out_.steps.push_back(stepOf(o));
    picoseconds_ += stepCost(o.opcode, loop_.types[o.out]);
    const int arity = operandCount(o.opcode);
    for (int k = 0; k < arity; k++) release(o.operands[k], i, i, sizeOf(o.out));
    giveBuffer(o.out);
    for (int k = 0; k < arity; k++) release(o.operands[k], i, i, 0);
  }

  void giveBuffer(size_t reg) {
    if (isDirect_[reg]) return;
    offset_[reg] = allocate(sizeOf(reg));
    out_.buffers.push_back({reg, offset_[reg]});
  }

  // Sums over leading axes have one part up to so many elements, then this many parts of at least so many rows.
  static constexpr size_t kOnePart = size_t{1} << 17, kParts = 16, kPartRows = 64;
  // From so many operations on, making code takes less time than it saves in a few runs.
  static constexpr size_t kCompiledWork = 1 << 14;
  static constexpr size_t kMostCompiled = 64;

  // As many of the instructions as become one step, or 0.
  size_t planCompiled(std::span<const size_t> order) {
    std::vector<Operation> operations;
    for (const size_t i : order.first(std::min(order.size(), kMostCompiled))) {
      const Instruction& instruction = loop_.instructions[i];
      if (!Compiled::knows(instruction.opcode, instruction.dtype, operandType(instruction))) break;
      operations.push_back(operationOf(i));
    }
    for (; operations.size() > 1 && operations.size() * out_.count >= kCompiledWork; operations.pop_back()) {
      const size_t first = order[0], last = order[operations.size() - 1];
      for (Operation& o : operations) o.stored = isStored(o.out) || (lastUse_[o.out] != kNever && lastUse_[o.out] > last);
      std::shared_ptr<const Compiled> code = Compiled::make(operations);
      if (!code) continue;
      out_.steps.push_back({nullptr, 0, 0, 0, 0, 0, std::move(code)});
      for (const Operation& o : operations) {
        picoseconds_ += stepCost(o.opcode, o.type) / 3;
        if (o.stored) giveBuffer(o.out);
      }
      for (const Operation& o : operations) {
        for (int k = 0; k < operandCount(o.opcode); k++) release(o.operands[k], first, last, 0);
      }
      return operations.size();
    }
    return 0;
  }

  // Only a buffer of the result's own element size may become the result's (`size` 0: any, once that is settled).
  void release(size_t reg, size_t first, size_t last, size_t size) {
    if (offset_[reg] == kNever || lastUse_[reg] < first || lastUse_[reg] > last || (size != 0 && sizeOf(reg) != size)) return;
    if (isStored(reg)) return;
    free_.emplace_back(sizeOf(reg), offset_[reg]);
    offset_[reg] = kNever;
  }

  size_t allocate(size_t size) {
    for (size_t i = free_.size(); i-- > 0;) {
      if (free_[i].first != size) continue;
      const size_t offset = free_[i].second;
      free_.erase(free_.begin() + static_cast<std::ptrdiff_t>(i));
      return offset;
    }
    const size_t offset = scratch_;
    scratch_ += size * kBlock;
    return offset;
  }

  void planStores() {
    for (const Store& store : loop_.stores) {
      const bool output = store.kind == StoreKind::Output;
      if (store.kind == StoreKind::Sum) {
        const Dtype type = loop_.types[store.reg];
        out_.sums.push_back({store.reg, store.index, type, sumKernel(type), scalar_[store.reg], plan_.partials});
        plan_.partials += out_.blocks;
        picoseconds_ += 100;
        continue;
      }
      if (sumsAxes(store.kind)) {
        planAxisSum(store);
        continue;
      }
      if (output) plan_.outputShapes[store.index] = out_.shape;
      else plan_.inPlace.push_back(store.index);
      picoseconds_ += 15 * sizeOf(store.reg);
      const bool done = std::any_of(out_.direct.begin(), out_.direct.end(), [&](const LoopPlan::Direct& d) {
        return d.reg == store.reg && d.output == output && d.index == store.index;
      });
      if (done) continue;
      const bool scalar = scalar_[store.reg];
      const size_t reg = !scalar && loadsWhatIsWritten(store.reg) ? copyOf(store.reg) : store.reg;
      out_.writes.push_back({reg, output, store.index, sizeOf(store.reg), scalar});
    }
  }

  void planAxisSum(const Store& store) {
    if (store.axes > out_.shape.size()) fail("cannot sum " + std::to_string(store.axes) + " axes of " + text(out_.shape));
    const auto axes = static_cast<std::ptrdiff_t>(store.axes);
    const bool leading = store.kind == StoreKind::Columns;
    Shape rest(out_.shape.begin() + (leading ? axes : 0), out_.shape.end() - (leading ? 0 : axes));
    const size_t count = elementCount(rest), run = leading ? 1 : elementCount(std::span(out_.shape).last(store.axes));
    if (store.kind == StoreKind::KeptRows) rest.resize(out_.shape.size(), 1);
    plan_.outputShapes[store.index] = rest;
    // Columns have elements everywhere: a thread takes whole parts of many rows, or all. Of rows it takes whole ones.
    const size_t most = leading && count > 0 && out_.count > kOnePart ? std::clamp<size_t>(out_.count / count / kPartRows, 1, kParts) : 1;
    const size_t part = (out_.blocks + most - 1) / most, parts = most == 1 ? 1 : (out_.blocks + part - 1) / part;
    out_.axisSums.push_back({store.reg, store.index, count, run, scalar_[store.reg], plan_.totals, part, parts});
    out_.grain = leading && parts == 1 ? 0 : std::lcm(out_.grain, leading ? part : run / std::gcd(run, kBlock));
    plan_.totals += parts * count;
    picoseconds_ += 200;
  }

  bool loadsWhatIsWritten(size_t reg) const {
    return reg < loop_.loads.size() &&
           std::any_of(loop_.stores.begin(), loop_.stores.end(), [&](const Store& store) {
             return store.kind == StoreKind::InPlace && store.index == loop_.loads[reg];
           });
  }

  // Two stores may exchange two inputs: the old elements must survive the block's first write.
  size_t copyOf(size_t reg) {
    const size_t copy = out_.registers++;
    const Dtype type = loop_.types[reg];
    out_.steps.push_back({elementKernel(Opcode::Bitcast, type, type), copy, reg, copy, copy, 0});
    out_.buffers.push_back({copy, allocate(sizeOf(reg))});
    return copy;
  }

  const Loop& loop_;
  size_t index_;
  Plan& plan_;
  LoopPlan out_{};
  std::vector<bool> scalar_, isDirect_;
  std::vector<size_t> lastUse_, offset_, storeUses_;
  std::vector<std::pair<size_t, size_t>> free_;
  size_t scratch_ = 0;
  size_t picoseconds_ = 0;
};

// Reads must see old values although loops run side by side. Scalars are read before anything is written; other loads
// of what is written in place are only right in the writing loop, element by element.
void checkInPlace(const Program& program, const Plan& plan) {
  std::vector<size_t> writer(plan.inputShapes.size(), kNever);
  for (size_t l = 0; l < program.loops.size(); l++) {
    for (const Store& store : program.loops[l].stores) {
      if (store.kind == StoreKind::InPlace) writer[store.index] = l;
    }
  }
  for (size_t l = 0; l < program.loops.size(); l++) {
    for (const size_t input : program.loops[l].loads) {
      if (input >= writer.size() || writer[input] == kNever || writer[input] == l || elementCount(plan.inputShapes[input]) <= 1) continue;
      throw std::invalid_argument("hokku.Fused: loop " + std::to_string(l) + " loads input " + std::to_string(input) +
                                  ", which loop " + std::to_string(writer[input]) + " writes in place");
    }
  }
}

bool loadsOutputs(const Program& program, size_t inputs) {
  return std::any_of(program.loops.begin(), program.loops.end(), [&](const Loop& loop) {
    return std::any_of(loop.loads.begin(), loop.loads.end(), [&](size_t load) { return load >= inputs; });
  });
}

// Where loops load outputs: each row of a loop may need that row of an output, and no other.
void checkRows(const Program& program, const Plan& plan) {
  const size_t inputs = plan.inputShapes.size();
  const auto fail = [](const char* what) { throw std::invalid_argument(std::string("hokku.Fused: a loop loads an output, but ") + what); };
  for (const Loop& loop : program.loops) {
    if (loop.predicate) fail("one has a predicate");
    for (const Store& store : loop.stores) {
      if (store.kind != StoreKind::Output && store.kind != StoreKind::Rows && store.kind != StoreKind::KeptRows) fail("not all stores are rows");
    }
  }
  if (!plan.rows) fail("there are no sums of rows");
  for (const LoopPlan& loop : plan.loops) {
    for (const LoopPlan::Totals& sum : loop.axisSums) {
      if (sum.count != *plan.rows) fail("sums have different numbers of rows");
    }
    if (*plan.rows == 0 ? loop.count != 0 : loop.count % *plan.rows != 0) fail("its shape has other rows");
    if (loop.count > 0 && std::any_of(loop.gathers.begin(), loop.gathers.end(), [&](const LoopPlan::Gather& gather) { return gather.input >= inputs; })) fail("not row by row");
  }
}

}  // namespace

Plan makePlan(const Program& program, std::vector<Shape> inputShapes) {
  Plan plan;
  plan.inputShapes = std::move(inputShapes);
  plan.outputShapes.resize(program.outputs.size());
  for (size_t i = 0; i < program.outputs.size(); i++) {
    if (!program.outputs[i]) plan.outputShapes[i] = {1};
  }
  checkInPlace(program, plan);
  plan.loops.reserve(program.loops.size());
  const bool together = loadsOutputs(program, plan.inputShapes.size());
  for (size_t l = 0; l < program.loops.size(); l++) {
    plan.loops.push_back(LoopPlanner(program.loops[l], l, plan).make());
    const auto& sums = plan.loops.back().axisSums;
    if (together && !plan.rows && !sums.empty()) plan.rows = sums[0].count;
  }
  if (together) checkRows(program, plan);
  return plan;
}

}  // namespace hokku
