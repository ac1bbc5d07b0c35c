#include "compiled.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "assembler.h"
#include "elementwise.h"
#include "targets.h"

#if defined(HOKKU_X86_TARGETS) && defined(__linux__)
#define HOKKU_COMPILES 1
#include <sys/mman.h>
#endif

namespace hokku {
namespace {

constexpr size_t kLanes = 8, kWidth = kLanes * sizeof(float);

bool isComparison(Opcode opcode) { return opcode >= Opcode::Eq && opcode <= Opcode::Ge; }

#ifdef HOKKU_COMPILES

using Asm = Assembler;
using Operand = Assembler::Operand;

// Vector registers: the last two are nobody's for longer than one operation.
constexpr int kVectors = 14, kTemp = 14, kOther = 15;
// Pointers to the elements of what is read and written; rdi holds where those are until it becomes the last of them.
constexpr int kPointers[] = {kRcx, kRdx, 8, 9, 10, 11, kRbx, 12, 13, 14, 15, kRdi};
constexpr size_t kMaxSlots = 48;
constexpr uint32_t kSign = 0x80000000, kMagnitude = 0x7fffffff, kOne = 0x3f800000, kMinusOne = 0xbf800000, kAll = 0xffffffff;

// Predicates of vcmpps, quiet: false of NaN but for Ne.
int predicateOf(Opcode opcode) {
  switch (opcode) {
    case Opcode::Eq: return 0x00;
    case Opcode::Ne: return 0x04;
    case Opcode::Lt: return 0x11;
    case Opcode::Le: return 0x12;
    case Opcode::Gt: return 0x1e;
    default: return 0x1d;
  }
}
constexpr int kUnordered = 0x03;

class Compiler {
 public:
  explicit Compiler(std::span<const Operation> operations) : operations_(operations) {
    for (const Operation& o : operations) {
      for (int k = 0; k < operandCount(o.opcode); k++) {
        registers_ = std::max(registers_, o.operands[k] + 1);
      }
      registers_ = std::max(registers_, o.out + 1);
    }
    last_.assign(registers_, 0);
    vector_.assign(registers_, -1);
    pointer_.assign(registers_, -1);
    made_.assign(registers_, false);
    scalar_.assign(registers_, false);
    for (size_t i = 0; i < operations.size(); i++) {
      const Operation& o = operations[i];
      for (int k = 0; k < operandCount(o.opcode); k++) last_[o.operands[k]] = i;
    }
    for (int v = kVectors; v-- > 0;) free_.push_back(v);
  }

  // False where something runs out.
  bool compile() {
    if (!findStreams()) return false;
    for (at_ = 0; at_ < operations_.size(); at_++) {
      if (!compile(operations_[at_])) return false;
    }
    const Asm body = std::exchange(asm_, Asm());
    asm_.enter(static_cast<uint32_t>(slots_.size() * kWidth));
    for (size_t s = 0; s < slots_.size(); s++) {
      if (slots_[s].constant) {
        asm_.moveToEax(slots_[s].bits);
        asm_.fromEax(kTemp);
        asm_.op(Asm::kBroadcast, kTemp, 0, Asm::vector(kTemp));
      } else {
        asm_.loadPointer(kRax, kRdi, offsetOf(slots_[s].reg));
        asm_.op(Asm::kBroadcast, kTemp, 0, Asm::at(kRax));
      }
      asm_.op(Asm::kStore, kTemp, 0, slot(s));
    }
    // rdi, if it is needed, last.
    for (const size_t reg : streams_) asm_.loadPointer(pointer_[reg], kRdi, offsetOf(reg));
    asm_.clearRax();
    const size_t start = asm_.here();
    asm_.append(body);
    asm_.repeat(start, kWidth);
    asm_.leave();
    return true;
  }

  const std::vector<uint8_t>& code() const { return asm_.code(); }
  size_t registers() const { return registers_; }
  std::vector<size_t> reads, writes, scalars;

 private:
  struct Slot {
    bool constant;
    uint32_t bits;
    size_t reg;
  };

  static int32_t offsetOf(size_t reg) { return static_cast<int32_t>(reg * sizeof(void*)); }
  static Operand slot(size_t s) { return Asm::at(kRsp, static_cast<int32_t>(s * kWidth)); }

  bool findStreams() {
    for (size_t i = 0; i < operations_.size(); i++) {
      const Operation& o = operations_[i];
      for (int k = 0; k < operandCount(o.opcode); k++) {
        const size_t reg = o.operands[k];
        if (o.scalars >> k & 1) {
          // A bool is one byte.
          if (o.type != Dtype::F32 || (o.opcode == Opcode::Select && k == 0)) return false;
          if (!std::exchange(scalar_[reg], 1)) scalars.push_back(reg);
        } else if (!made_[reg] && pointer_[reg] < 0) {
          if (o.type != Dtype::F32 || (o.opcode == Opcode::Select && k == 0)) return false;
          if (!point(reg)) return false;
          reads.push_back(reg);
        }
      }
      made_[o.out] = true;
      if (!o.stored) continue;
      if (o.type != Dtype::F32 || isComparison(o.opcode) || !point(o.out)) return false;
      writes.push_back(o.out);
    }
    return true;
  }

  bool point(size_t reg) {
    if (streams_.size() == std::size(kPointers)) return false;
    pointer_[reg] = kPointers[streams_.size()];
    streams_.push_back(reg);
    return true;
  }

  int take() {
    if (free_.empty()) return -1;
    const int v = free_.back();
    free_.pop_back();
    return v;
  }
  // The registers of operands that are not needed any more.
  void releaseOperands(const Operation& o) {
    for (int k = 0; k < operandCount(o.opcode); k++) {
      const size_t reg = o.operands[k];
      if (o.scalars >> k & 1 || last_[reg] != at_ || vector_[reg] < 0) continue;
      free_.push_back(std::exchange(vector_[reg], -1));
    }
  }

  Operand slotOf(bool isConstant, uint32_t bits, size_t reg) {
    for (size_t s = 0; s < slots_.size(); s++) {
      if (slots_[s].constant == isConstant && slots_[s].bits == bits && slots_[s].reg == reg) return slot(s);
    }
    slots_.push_back({isConstant, bits, reg});
    return slot(slots_.size() - 1);
  }
  Operand constant(uint32_t bits) { return slotOf(true, bits, 0); }

  // An operand that may stand in memory. Elements are read there only once.
  bool place(const Operation& o, int k, Operand& out) {
    const size_t reg = o.operands[k];
    if (o.scalars >> k & 1) {
      out = slotOf(false, 0, reg);
      return slots_.size() <= kMaxSlots;
    }
    const bool twice = std::count(o.operands, o.operands + operandCount(o.opcode), reg) > 1;
    if (vector_[reg] < 0 && last_[reg] == at_ && !twice) {
      out = Asm::element(pointer_[reg]);
      return true;
    }
    return load(reg) && (out = Asm::vector(vector_[reg]), true);
  }
  bool load(size_t reg) {
    if (vector_[reg] >= 0) return true;
    if ((vector_[reg] = take()) < 0) return false;
    asm_.op(Asm::kLoad, vector_[reg], 0, Asm::element(pointer_[reg]));
    return true;
  }
  // An operand in a register; `temp` is used where it has none of its own.
  bool inRegister(const Operation& o, int k, int temp, int& out) {
    Operand x;
    if (!place(o, k, x)) return false;
    out = x.reg;
    if (x.reg >= 0) return true;
    asm_.op(Asm::kLoad, out = temp, 0, x);
    return true;
  }

  bool finish(const Operation& o, int dst) {
    vector_[o.out] = dst;
    if (o.stored) asm_.op(Asm::kStore, dst, 0, Asm::element(pointer_[o.out]));
    const bool used = last_[o.out] > at_;
    if (!used) free_.push_back(std::exchange(vector_[o.out], -1));
    return true;
  }

  // One instruction of two sources, or of one.
  bool simple(const Operation& o, Asm::Instruction i, bool commutes, int immediate = -1) {
    int a = 0;
    Operand b;
    const bool two = operandCount(o.opcode) == 2;
    const auto isVector = [&](int k) { return !(o.scalars >> k & 1) && vector_[o.operands[k]] >= 0; };
    const bool swap = two && commutes && !isVector(0) && isVector(1);
    if (two && !inRegister(o, swap ? 1 : 0, kTemp, a)) return false;
    if (!place(o, two && !swap ? 1 : 0, b)) return false;
    releaseOperands(o);
    const int dst = take();
    if (dst < 0) return false;
    if (immediate < 0) asm_.op(i, dst, a, b);
    else asm_.op(i, dst, a, b, immediate);
    return finish(o, dst);
  }

  // Instructions from one register into another one.
  template <class F>
  bool unary(const Operation& o, F f) {
    int x = 0;
    if (!inRegister(o, 0, kTemp, x)) return false;
    const int dst = take();
    if (dst < 0) return false;
    f(dst, x);
    releaseOperands(o);
    return finish(o, dst);
  }

  bool compile(const Operation& o) {
    const auto v = [](int reg) { return Asm::vector(reg); };
    if (isComparison(o.opcode)) return simple(o, Asm::kCompare, false, predicateOf(o.opcode));
    switch (o.opcode) {
      case Opcode::Add: return simple(o, Asm::kAdd, true);
      case Opcode::Sub: return simple(o, Asm::kSub, false);
      case Opcode::Mul: return simple(o, Asm::kMul, true);
      case Opcode::Div: return simple(o, Asm::kDiv, false);
      case Opcode::Sqrt: return simple(o, Asm::kSqrt, false);
      case Opcode::Floor: return simple(o, Asm::kRound, false, 9);
      case Opcode::Ceil: return simple(o, Asm::kRound, false, 10);
      case Opcode::RoundEven: return simple(o, Asm::kRound, false, 8);
      case Opcode::And: return simple(o, Asm::kAnd, true);
      case Opcode::Or: return simple(o, Asm::kOr, true);
      case Opcode::Xor: return simple(o, Asm::kXor, true);
      case Opcode::Not: return unary(o, [&](int dst, int x) { asm_.op(Asm::kXor, dst, x, constant(kAll)); });
      case Opcode::Neg: return unary(o, [&](int dst, int x) { asm_.op(Asm::kXor, dst, x, constant(kSign)); });
      case Opcode::Abs: return unary(o, [&](int dst, int x) { asm_.op(Asm::kAnd, dst, x, constant(kMagnitude)); });
      case Opcode::Square: return unary(o, [&](int dst, int x) { asm_.op(Asm::kMul, dst, x, v(x)); });
      case Opcode::Rsqrt: return unary(o, [&](int dst, int x) {
        asm_.op(Asm::kSqrt, kOther, 0, v(x));
        asm_.op(Asm::kLoad, dst, 0, constant(kOne));
        asm_.op(Asm::kDiv, dst, dst, v(kOther));
      });
      case Opcode::Sign: return unary(o, [&](int dst, int x) {
        asm_.op(Asm::kXor, dst, x, v(x));
        asm_.op(Asm::kCompare, kOther, x, v(dst), predicateOf(Opcode::Lt));
        asm_.op(Asm::kCompare, dst, x, v(dst), predicateOf(Opcode::Gt));
        // x where neither: dst is the mask of the larger ones, and becomes the result.
        if (x != kTemp) asm_.op(Asm::kLoad, kTemp, 0, v(x));
        asm_.op(Asm::kBlend, kTemp, kTemp, constant(kMinusOne), kOther << 4);
        asm_.op(Asm::kBlend, dst, kTemp, constant(kOne), dst << 4);
      });
      case Opcode::Max: return extreme(o, Asm::kMax, Asm::kAnd);
      case Opcode::Min: return extreme(o, Asm::kMin, Asm::kOr);
      case Opcode::Select: return select(o);
      case Opcode::Fma: return fma(o);
      default: return false;
    }
  }

  // NaN wins, the first one first; of zeros of both signs the one that `ofEqual` makes of both.
  bool extreme(const Operation& o, Asm::Instruction i, Asm::Instruction ofEqual) {
    const auto v = [](int reg) { return Asm::vector(reg); };
    int x = 0, y = 0;
    if (!inRegister(o, 0, kTemp, x) || !inRegister(o, 1, kOther, y)) return false;
    const int dst = take(), mask = take();
    if (mask < 0) return false;
    asm_.op(Asm::kCompare, mask, x, v(y), predicateOf(Opcode::Eq));
    asm_.op(i, dst, x, v(y));
    asm_.op(ofEqual, kOther, x, v(y));
    asm_.op(Asm::kBlend, dst, dst, v(kOther), mask << 4);
    asm_.op(Asm::kCompare, mask, x, v(x), kUnordered);
    asm_.op(Asm::kBlend, dst, dst, v(x), mask << 4);
    free_.push_back(mask);
    releaseOperands(o);
    return finish(o, dst);
  }

  bool select(const Operation& o) {
    int mask = 0, otherwise = 0;
    Operand chosen;
    if (!inRegister(o, 0, kTemp, mask) || !inRegister(o, 2, kOther, otherwise) || !place(o, 1, chosen)) return false;
    const int dst = take();
    if (dst < 0) return false;
    asm_.op(Asm::kBlend, dst, otherwise, chosen, mask << 4);
    releaseOperands(o);
    return finish(o, dst);
  }

  bool fma(const Operation& o) {
    int x = 0;
    Operand y, z;
    if (!inRegister(o, 0, kTemp, x) || !place(o, 1, y) || !place(o, 2, z)) return false;
    const int dst = take();
    if (dst < 0) return false;
    asm_.op(Asm::kLoad, dst, 0, z);
    asm_.op(Asm::kFma231, dst, x, y);
    releaseOperands(o);
    return finish(o, dst);
  }

  std::span<const Operation> operations_;
  Asm asm_;
  size_t at_ = 0, registers_ = 0;
  // Of each of the loop's registers: the operation that needs it last, its vector register, its pointer.
  std::vector<size_t> last_;
  std::vector<int> vector_, pointer_;
  std::vector<uint8_t> made_, scalar_;
  std::vector<int> free_;
  std::vector<size_t> streams_;
  std::vector<Slot> slots_;
};

#endif

}  // namespace

bool Compiled::knows(Opcode opcode, Dtype result, Dtype operand) {
  if (isComparison(opcode)) return operand == Dtype::F32;
  switch (opcode) {
    case Opcode::And:
    case Opcode::Or:
    case Opcode::Xor:
    case Opcode::Not: return result == Dtype::Bool;
    case Opcode::Add:
    case Opcode::Sub:
    case Opcode::Mul:
    case Opcode::Div:
    case Opcode::Max:
    case Opcode::Min:
    case Opcode::Neg:
    case Opcode::Abs:
    case Opcode::Sign:
    case Opcode::Floor:
    case Opcode::Ceil:
    case Opcode::RoundEven:
    case Opcode::Sqrt:
    case Opcode::Rsqrt:
    case Opcode::Square:
    case Opcode::Fma:
    case Opcode::Select: return result == Dtype::F32;
    default: return false;
  }
}

#ifdef HOKKU_COMPILES

std::shared_ptr<const Compiled> Compiled::make(std::span<const Operation> operations) {
  if (detectTarget() == Target::Base) return nullptr;
  Compiler compiler(operations);
  if (!compiler.compile()) return nullptr;
  const std::vector<uint8_t>& code = compiler.code();
  // Never writable and executable at once; refused where the system allows no code to be made.
  void* memory = mmap(nullptr, code.size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  std::memcpy(memory, code.data(), code.size());
  if (mprotect(memory, code.size(), PROT_READ | PROT_EXEC) != 0) {
    munmap(memory, code.size());
    return nullptr;
  }
  std::shared_ptr<Compiled> compiled(new Compiled());
  compiled->code_ = reinterpret_cast<Code>(memory);
  compiled->mapped_ = code.size();
  compiled->reads_ = std::move(compiler.reads);
  compiled->writes_ = std::move(compiler.writes);
  compiled->scalars_ = std::move(compiler.scalars);
  compiled->registers_ = compiler.registers();
  return compiled;
}

Compiled::~Compiled() {
  if (code_) munmap(reinterpret_cast<void*>(code_), mapped_);
}

#else

std::shared_ptr<const Compiled> Compiled::make(std::span<const Operation>) { return nullptr; }
Compiled::~Compiled() = default;

#endif

void Compiled::run(void* const* registers, size_t n) const {
  const size_t whole = n / kLanes * kLanes, rest = n - whole;
  if (whole) code_(registers, whole * sizeof(float));
  if (!rest) return;
  // The last elements in vectors of their own.
  const size_t count = reads_.size() + writes_.size();
  alignas(kWidth) float vectors[16][kLanes] = {};
  thread_local std::vector<void*> pointers;
  pointers.assign(registers_, nullptr);
  for (const size_t reg : scalars_) pointers[reg] = registers[reg];
  for (size_t i = 0; i < count; i++) pointers[i < reads_.size() ? reads_[i] : writes_[i - reads_.size()]] = vectors[i];
  for (size_t i = 0; i < reads_.size(); i++) std::memcpy(vectors[i], static_cast<const float*>(registers[reads_[i]]) + whole, rest * sizeof(float));
  code_(pointers.data(), kWidth);
  for (size_t i = 0; i < writes_.size(); i++) std::memcpy(static_cast<float*>(registers[writes_[i]]) + whole, vectors[reads_.size() + i], rest * sizeof(float));
}

}  // namespace hokku
