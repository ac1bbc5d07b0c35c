#include "program.h"

#include <stdexcept>
#include <string>

#include "elementwise.h"

namespace hokku {
namespace {

// More registers than any sensible program has; keeps an ill-formed one from asking for much memory.
constexpr int64_t kMaxRegisters = 4096;

bool isRegisterType(int64_t type) {
  switch (static_cast<Dtype>(type)) {
    case Dtype::F32:
    case Dtype::U8:
    case Dtype::I32:
    case Dtype::I64:
    case Dtype::Bool:
    case Dtype::F64:
    case Dtype::U32: return true;
  }
  return false;
}

class Parser {
 public:
  Parser(std::span<const int64_t> code, std::span<const int64_t> inputTypes, size_t numOutputs)
      : code_(code), inputTypes_(inputTypes) {
    program_.outputs.resize(numOutputs);
    inPlaceBy_.resize(inputTypes.size());
  }

  Program parse() {
    if (next("the version") != 1) fail("expected version 1");
    const size_t numLoops = count("the number of loops", static_cast<int64_t>(code_.size()));
    for (loop_ = 0; loop_ < numLoops; loop_++) parseLoop();
    if (at_ != code_.size()) {
      fail("expected " + std::to_string(at_) + " numbers, got " + std::to_string(code_.size()));
    }
    return std::move(program_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw std::invalid_argument("program of hokku.Fused, loop " + std::to_string(loop_) + ": " + what);
  }

  int64_t next(const char* what) {
    if (at_ >= code_.size()) fail(std::string("ends before ") + what);
    return code_[at_++];
  }

  size_t below(int64_t value, size_t limit, const std::string& what) const {
    if (value < 0 || static_cast<uint64_t>(value) >= limit) {
      fail(what + " is " + std::to_string(value) + ", expected 0 to " + std::to_string(limit) + " exclusive");
    }
    return static_cast<size_t>(value);
  }

  size_t count(const char* what, int64_t limit) {
    return below(next(what), static_cast<size_t>(limit) + 1, what);
  }

  void parseLoop() {
    Loop loop;
    const int64_t predicate = next("the predicate");
    if (predicate != -1) {
      loop.predicate = below(predicate, inputTypes_.size(), "the predicate's input");
      if (inputTypes_[*loop.predicate] != static_cast<int64_t>(Dtype::Bool)) fail("the predicate is not a bool");
    }
    const size_t numLoads = count("the number of loads", kMaxRegisters);
    for (size_t i = 0; i < numLoads; i++) {
      const int64_t load = next("a load");
      if (load < 0) {
        loadOutput(loop, below(-1 - load, program_.outputs.size(), "a load's output"));
        continue;
      }
      const size_t input = below(load, inputTypes_.size(), "a load's input");
      if (!isRegisterType(inputTypes_[input])) {
        fail("input " + std::to_string(input) + " has element type " + std::to_string(inputTypes_[input]) +
             ", which no register can have");
      }
      loop.loads.push_back(input);
      loop.types.push_back(static_cast<Dtype>(inputTypes_[input]));
    }
    const size_t numInstructions = count("the number of instructions", kMaxRegisters);
    for (size_t i = 0; i < numInstructions; i++) parseInstruction(loop, i);
    const size_t numStores = count("the number of stores", static_cast<int64_t>(code_.size()));
    for (size_t i = 0; i < numStores; i++) parseStore(loop);
    program_.loops.push_back(std::move(loop));
  }

  void loadOutput(Loop& loop, size_t output) const {
    if (!program_.outputs[output]) fail("loads output " + std::to_string(output) + ", which no loop before it stores");
    loop.loads.push_back(inputTypes_.size() + output);
    loop.types.push_back(*program_.outputs[output]);
  }

  void parseInstruction(Loop& loop, size_t index) {
    const std::string where = "instruction " + std::to_string(index);
    const auto opcode = static_cast<Opcode>(below(next("an opcode"), kNumOpcodes, where + "'s opcode"));
    const int64_t type = next("a dtype");
    if (!isRegisterType(type)) fail(where + " has element type " + std::to_string(type) + ", which no register can have");
    Instruction instruction{opcode, static_cast<Dtype>(type), {}, 0};
    for (int64_t& operand : instruction.operands) operand = next("an operand");
    if (opcode == Opcode::Const) {
      instruction.constant = static_cast<uint64_t>(instruction.operands[0]);
      if (instruction.dtype == Dtype::Bool) instruction.constant = (instruction.constant & 0xff) != 0;
    } else {
      checkTypes(loop, instruction, where);
    }
    loop.instructions.push_back(instruction);
    loop.types.push_back(instruction.dtype);
  }

  void checkTypes(const Loop& loop, const Instruction& instruction, const std::string& where) const {
    const int arity = operandCount(instruction.opcode);
    Dtype types[3] = {};
    for (int i = 0; i < arity; i++) {
      types[i] = loop.types[below(instruction.operands[i], loop.types.size(), where + "'s operand")];
    }
    const bool select = instruction.opcode == Opcode::Select;
    const bool agree = select ? types[0] == Dtype::Bool && types[1] == types[2] && types[1] == instruction.dtype
                              : (arity < 2 || types[0] == types[1]) && (arity < 3 || types[0] == types[2]);
    if (!agree || !elementKernel(instruction.opcode, instruction.dtype, types[select ? 1 : 0])) {
      std::string got;
      for (int i = 0; i < arity; i++) got.append(i ? ", " : "").append(std::to_string(static_cast<int64_t>(types[i])));
      fail(where + ": opcode " + std::to_string(static_cast<int64_t>(instruction.opcode)) + " does not take types (" + got +
           ") to type " + std::to_string(static_cast<int64_t>(instruction.dtype)));
    }
  }

  void parseStore(Loop& loop) {
    const size_t reg = below(next("a store's register"), loop.types.size(), "a store's register");
    const int64_t coded = next("a store's kind");
    const auto kind = static_cast<StoreKind>(below(coded & 0xff, 6, "a store's kind"));
    const size_t axes = below(coded >> 8, 64, "a store's number of axes");
    if (sumsAxes(kind) != (axes > 0)) fail("only a store of sums over axes has a number of axes");
    const int64_t index = next("a store's index");
    const Dtype type = loop.types[reg];
    if (kind == StoreKind::InPlace) {
      const size_t input = below(index, inputTypes_.size(), "an in-place store's input");
      const std::string name = "the in-place store into input " + std::to_string(input);
      if (inputTypes_[input] != static_cast<int64_t>(type)) fail(name + " has another element type");
      if (inPlaceBy_[input]) fail(name + " is the second one");
      inPlaceBy_[input] = true;
      loop.stores.push_back({reg, kind, input, axes});
      return;
    }
    const size_t output = below(index, program_.outputs.size(), "a store's output");
    const std::string name = "the store into output " + std::to_string(output);
    if (loop.predicate) fail(name + " stands under a predicate, where only in-place stores may");
    if (program_.outputs[output]) fail(name + " is the second one");
    if (kind == StoreKind::Sum && !sumKernel(type)) fail(name + " would sum bools");
    if (sumsAxes(kind) && type != Dtype::F32) fail(name + " sums axes of what is not float32");
    program_.outputs[output] = type;
    loop.stores.push_back({reg, kind, output, axes});
  }

  std::span<const int64_t> code_;
  std::span<const int64_t> inputTypes_;
  Program program_;
  std::vector<bool> inPlaceBy_;
  size_t at_ = 0;
  size_t loop_ = 0;
};

}  // namespace

Program parseProgram(std::span<const int64_t> code, std::span<const int64_t> inputTypes, size_t numOutputs) {
  return Parser(code, inputTypes, numOutputs).parse();
}

}  // namespace hokku
