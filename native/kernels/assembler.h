// Writes x86-64 machine code: what loops over float32 vectors of 256 bits need, in the encoding of AVX (VEX).
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <vector>

namespace hokku {

// General registers by their numbers; the index of all indexed operands is rax.
enum Gpr : int { kRax = 0, kRcx = 1, kRdx = 2, kRbx = 3, kRsp = 4, kRbp = 5, kRsi = 6, kRdi = 7 };

class Assembler {
 public:
  // A vector register, or memory: [base + disp], and + rax where it is indexed.
  struct Operand {
    int reg = -1;
    int base = 0;
    int32_t disp = 0;
    bool indexed = false;
  };
  static Operand vector(int reg) { return {reg}; }
  static Operand at(int base, int32_t disp = 0) { return {-1, base, disp, false}; }
  static Operand element(int base) { return {-1, base, 0, true}; }

  // The instructions of AVX by opcode map, mandatory prefix and opcode.
  struct Instruction {
    uint8_t map, prefix, opcode;
  };
  static constexpr Instruction kLoad{1, 0, 0x10}, kStore{1, 0, 0x11}, kSqrt{1, 0, 0x51}, kAnd{1, 0, 0x54}, kOr{1, 0, 0x56}, kXor{1, 0, 0x57},
      kAdd{1, 0, 0x58}, kMul{1, 0, 0x59}, kSub{1, 0, 0x5c}, kMin{1, 0, 0x5d}, kDiv{1, 0, 0x5e}, kMax{1, 0, 0x5f}, kCompare{1, 0, 0xc2},
      kBroadcast{2, 1, 0x18}, kFma231{2, 1, 0xb8}, kRound{3, 1, 0x08}, kBlend{3, 1, 0x4a};

  // dst = src1 op src2; src1 is 0 where the instruction has one source only. A store's `dst` is what is stored.
  void op(Instruction i, int dst, int src1, const Operand& src2) {
    vex(i, dst, src1, src2, true);
    modRm(dst, src2);
  }
  void op(Instruction i, int dst, int src1, const Operand& src2, int immediate) {
    op(i, dst, src1, src2);
    byte(immediate);
  }
  // The low element of a vector register from eax.
  void fromEax(int dst) {
    vex({1, 1, 0x6e}, dst, 0, vector(kRax), false);
    modRm(dst, vector(kRax));
  }

  void moveToEax(uint32_t bits) { byte(0xb8), dword(bits); }
  void clearRax() { bytes({0x31, 0xc0}); }
  void loadPointer(int dst, int base, int32_t disp) {
    bytes({0x48 | (dst >> 3) << 2 | base >> 3, 0x8b, 0x80 | (dst & 7) << 3 | (base & 7)});
    dword(static_cast<uint32_t>(disp));
  }

  // Saves what a caller expects to keep, and makes room on the stack at a multiple of 32.
  void enter(uint32_t room) {
    bytes({0x55, 0x48, 0x89, 0xe5});                                         // push rbp; mov rbp, rsp
    bytes({0x53, 0x41, 0x54, 0x41, 0x55, 0x41, 0x56, 0x41, 0x57});           // push rbx, r12, r13, r14, r15
    bytes({0x48, 0x83, 0xe4, 0xe0, 0x48, 0x81, 0xec});                       // and rsp, -32; sub rsp, room
    dword(room);
  }
  void leave() {
    bytes({0x48, 0x8d, 0x65, 0xd8});                                         // lea rsp, [rbp - 40]
    bytes({0x41, 0x5f, 0x41, 0x5e, 0x41, 0x5d, 0x41, 0x5c, 0x5b, 0x5d});     // pop r15, r14, r13, r12, rbx, rbp
    bytes({0xc5, 0xf8, 0x77, 0xc3});                                         // vzeroupper; ret
  }

  size_t here() const { return code_.size(); }
  // rax += step; goes back to `start` while rax < rsi.
  void repeat(size_t start, uint8_t step) {
    bytes({0x48, 0x83, 0xc0, step, 0x48, 0x39, 0xf0, 0x0f, 0x82});           // add rax, step; cmp rax, rsi; jb start
    dword(static_cast<uint32_t>(start - (here() + 4)));
  }

  void append(const Assembler& other) { code_.insert(code_.end(), other.code_.begin(), other.code_.end()); }
  const std::vector<uint8_t>& code() const { return code_; }

 private:
  void byte(int b) { code_.push_back(static_cast<uint8_t>(b)); }
  void bytes(std::initializer_list<int> all) {
    for (const int b : all) byte(b);
  }
  void dword(uint32_t x) {
    for (int i = 0; i < 4; i++) byte(static_cast<int>(x >> 8 * i & 0xff));
  }

  void vex(Instruction i, int reg, int src1, const Operand& rm, bool wide) {
    const int low = rm.reg >= 0 ? rm.reg : rm.base;
    byte(0xc4);
    byte((reg < 8) << 7 | 1 << 6 | (low < 8) << 5 | i.map);
    byte((~src1 & 15) << 3 | wide << 2 | i.prefix);
    byte(i.opcode);
  }

  void modRm(int reg, const Operand& rm) {
    const int r = (reg & 7) << 3;
    if (rm.reg >= 0) return byte(0xc0 | r | (rm.reg & 7));
    const int base = rm.base & 7;
    byte(0x80 | r | (rm.indexed || base == kRsp ? 4 : base));
    if (rm.indexed) byte(base);
    else if (base == kRsp) byte(0x24);
    dword(static_cast<uint32_t>(rm.disp));
  }

  std::vector<uint8_t> code_;
};

}  // namespace hokku
