// hokku.Cholesky, TriangularSolve, Qr, Lu, Permutation, LuSolve, Determinant, Cofactors, Eigh, Eigvalsh, Svd, Svdvals, Pinv: matrices of
// float32 or float64, whose leading axes are a batch.
#pragma once

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "../kernels/cholesky.h"
#include "../kernels/context.h"
#include "../kernels/eigh.h"
#include "../kernels/lu.h"
#include "../kernels/qr.h"
#include "../kernels/svd.h"
#include "../kernels/triangular.h"
#include "signature.h"

namespace hokku {

// A dimension: while the graph is built -1 where only its name, or nothing, is known.
struct Dim {
  int64_t size = -1;
  std::string name = {};
};

// Those of matrices [.., m, n], k = min(m, n).
struct Sizes {
  Dim m, n, k;
  Sizes(Dim rows, Dim columns) : m(std::move(rows)), n(std::move(columns)), k{m.size < 0 || n.size < 0 ? -1 : std::min(m.size, n.size)} {}
};

// An output: its axes after those of the batch, and its type where it is not the matrices'.
struct MatrixOutput {
  std::vector<Dim> last;
  int64_t type = 0;
};
using MatrixOutputs = std::vector<MatrixOutput>;
// Attributes that are 0 or 1, in the order of an operator's kFlags.
using Flags = std::vector<bool>;

// A tensor as a batch of matrices.
struct Matrices {
  const void* data;
  ONNXTensorElementDataType type;
  Shape lead;
  size_t batch, rows, columns;

  template <class T>
  const T* as() const { return static_cast<const T*>(data); }
};

// An operator on the matrices of its first input. Its outputs have the batch, and are told by the sizes, of the input `Like`: one
// description serves the run and the inference of shapes. `Op` has run<T>(matrices, host), and says otherwise where it is
// not as here: kFlags, kSquare, outputs.
template <class Op, size_t Inputs, size_t Outputs, size_t Like = 0>
struct MatrixOp : Signature<Inputs, Outputs> {
  static constexpr std::array<const char*, 0> kFlags{};
  static constexpr bool kSquare = true;
  static MatrixOutputs outputs(const Sizes& s, const Flags&) { return {{{s.m, s.n}}}; }

  MatrixOp(const OrtApi* api, const OrtKernelInfo* info) : flags_(flags([&](const char* name) { return intAttribute(api, info, name); })) {}

  void compute(const OrtApi* api, OrtKernelContext* context) const {
    ContextHost host(api, context);
    const Matrices a = matrices(host, 0);
    require(!Op::kSquare || a.rows == a.columns, "expected square matrices");
    const Op& self = static_cast<const Op&>(*this);
    if (a.type == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT) self.template run<float>(a, host);
    else if (a.type == ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE) self.template run<double>(a, host);
    else require(false, "expected float32 or float64");
  }

  static void infer(const Inference& inference) {
    const InferredShape like = inference.input(Like);
    const size_t rank = like.dims.size();
    if (rank < 2) return;
    const auto dim = [&](size_t i) { return Dim{like.dims[i], like.names[i]}; };
    const MatrixOutputs all = Op::outputs({dim(rank - 2), dim(rank - 1)}, flags([&](const char* name) { return inference.integer(name); }));
    for (size_t i = 0; i < all.size(); i++) {
      InferredShape shape = like;
      shape.dims.resize(rank - 2);
      shape.names.resize(rank - 2);
      for (const Dim& last : all[i].last) {
        shape.dims.push_back(last.size);
        shape.names.push_back(last.name);
      }
      if (all[i].type) shape.type = all[i].type;
      inference.setOutput(i, shape);
    }
  }

 protected:
  bool flag(size_t i) const { return flags_[i]; }

  static void require(bool holds, const char* what) {
    if (!holds) throw std::invalid_argument(std::string("hokku.") + Op::kName + ": " + what);
  }

  static Matrices matrices(ContextHost& host, size_t index) {
    Matrices m;
    const Tensor tensor = host.input(index, &m.type);
    const size_t rank = tensor.shape.size();
    require(rank >= 2, "expected at least 2 dimensions");
    m.data = tensor.data;
    m.lead.assign(tensor.shape.begin(), tensor.shape.end() - 2);
    m.batch = static_cast<size_t>(elementCount(m.lead));
    m.rows = static_cast<size_t>(tensor.shape[rank - 2]);
    m.columns = static_cast<size_t>(tensor.shape[rank - 1]);
    return m;
  }
  // Right-hand sides that stand beside the matrices `a`.
  static Matrices beside(ContextHost& host, size_t index, const Matrices& a) {
    const Matrices b = matrices(host, index);
    require(b.type == a.type && b.lead == a.lead && b.rows == a.rows, "the inputs do not fit each other");
    return b;
  }

  template <class T>
  T* output(ContextHost& host, size_t index, const Matrices& like) const {
    const MatrixOutputs all = Op::outputs({{static_cast<int64_t>(like.rows)}, {static_cast<int64_t>(like.columns)}}, flags_);
    Shape shape = like.lead;
    for (const Dim& last : all[index].last) shape.push_back(last.size);
    return static_cast<T*>(host.output(index, shape));
  }

 private:
  template <class Read>
  static Flags flags(Read read) {
    Flags all;
    for (const char* name : Op::kFlags) all.push_back(read(name) != 0);
    return all;
  }

  Flags flags_;
};

struct CholeskyOp : MatrixOp<CholeskyOp, 1, 1> {
  static constexpr const char* kName = "Cholesky";
  using MatrixOp::MatrixOp;

  template <class T>
  void run(const Matrices& a, ContextHost& host) const {
    cholesky(a.as<T>(), a.batch, a.rows, output<T>(host, 0, a), host);
  }
};

struct TriangularSolveOp : MatrixOp<TriangularSolveOp, 2, 1, 1> {
  static constexpr const char* kName = "TriangularSolve";
  static constexpr std::array kFlags{"lower", "transposed", "unit"};
  using MatrixOp::MatrixOp;

  template <class T>
  void run(const Matrices& a, ContextHost& host) const {
    const Matrices b = beside(host, 1, a);
    triangularSolve(a.as<T>(), b.as<T>(), a.batch, a.rows, b.columns, Triangle{flag(0), flag(1), flag(2)}, output<T>(host, 0, b), host);
  }
};

struct QrOp : MatrixOp<QrOp, 1, 2> {
  static constexpr const char* kName = "Qr";
  static constexpr bool kSquare = false;
  static MatrixOutputs outputs(const Sizes& s, const Flags&) { return {{{s.m, s.k}}, {{s.k, s.n}}}; }
  using MatrixOp::MatrixOp;

  template <class T>
  void run(const Matrices& a, ContextHost& host) const {
    T* q = output<T>(host, 0, a);
    qr(a.as<T>(), a.batch, a.rows, a.columns, q, output<T>(host, 1, a), host);
  }
};

struct LuOp : MatrixOp<LuOp, 1, 3> {
  static constexpr const char* kName = "Lu";
  static constexpr bool kSquare = false;
  static MatrixOutputs outputs(const Sizes& s, const Flags&) {
    return {{{s.m, s.n}}, {{s.k}, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32}, {{s.m}, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32}};
  }
  using MatrixOp::MatrixOp;

  template <class T>
  void run(const Matrices& a, ContextHost& host) const {
    T* out = output<T>(host, 0, a);
    int32_t* pivots = output<int32_t>(host, 1, a);
    lu(a.as<T>(), a.batch, a.rows, a.columns, out, pivots, output<int32_t>(host, 2, a), host);
  }
};

// The order that an Lu's pivots, int32 [.., k], bring `size` rows to.
struct PermutationOp : Signature<1, 1> {
  static constexpr const char* kName = "Permutation";

  PermutationOp(const OrtApi* api, const OrtKernelInfo* info) : size_(intAttribute(api, info, "size")) {}

  void compute(const OrtApi* api, OrtKernelContext* context) const {
    ContextHost host(api, context);
    ONNXTensorElementDataType type;
    const Tensor pivots = host.input(0, &type);
    if (type != ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32 || pivots.shape.empty() || pivots.shape.back() > size_) {
      throw std::invalid_argument("hokku.Permutation: expected at most size int32 pivots");
    }
    Shape shape(pivots.shape.begin(), pivots.shape.end());
    shape.back() = size_;
    const size_t batch = static_cast<size_t>(elementCount(pivots.shape.first(pivots.shape.size() - 1)));
    permutationOf(static_cast<const int32_t*>(pivots.data), batch, static_cast<size_t>(pivots.shape.back()), static_cast<size_t>(size_),
                  static_cast<int32_t*>(host.output(0, shape)));
  }

  static void infer(const Inference& inference) {
    InferredShape pivots = inference.input(0);
    if (pivots.dims.empty()) return;
    pivots.dims.back() = inference.integer("size");
    pivots.names.back().clear();
    inference.setOutput(0, pivots);
  }

 private:
  int64_t size_;
};

struct LuSolveOp : MatrixOp<LuSolveOp, 3, 1, 2> {
  static constexpr const char* kName = "LuSolve";
  static constexpr std::array kFlags{"transposed"};
  using MatrixOp::MatrixOp;

  template <class T>
  void run(const Matrices& factors, ContextHost& host) const {
    ONNXTensorElementDataType type;
    const Tensor permutation = host.input(1, &type);
    require(type == ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32 && elementCount(permutation.shape) == factors.batch * factors.rows, "the permutation does not fit");
    const Matrices b = beside(host, 2, factors);
    luSolve(factors.as<T>(), static_cast<const int32_t*>(permutation.data), b.as<T>(), b.batch, b.rows, b.columns, flag(0), output<T>(host, 0, b), host);
  }
};

struct DeterminantOp : MatrixOp<DeterminantOp, 1, 3> {
  static constexpr const char* kName = "Determinant";
  static MatrixOutputs outputs(const Sizes&, const Flags&) { return MatrixOutputs(3); }
  using MatrixOp::MatrixOp;

  template <class T>
  void run(const Matrices& a, ContextHost& host) const {
    T *sign = output<T>(host, 0, a), *logarithm = output<T>(host, 1, a);
    determinant(a.as<T>(), a.batch, a.rows, sign, logarithm, output<T>(host, 2, a), host);
  }
};

struct CofactorsOp : MatrixOp<CofactorsOp, 1, 1> {
  static constexpr const char* kName = "Cofactors";
  using MatrixOp::MatrixOp;

  template <class T>
  void run(const Matrices& a, ContextHost& host) const {
    cofactors(a.as<T>(), a.batch, a.rows, output<T>(host, 0, a), host);
  }
};

struct EighOp : MatrixOp<EighOp, 1, 2> {
  static constexpr const char* kName = "Eigh";
  static MatrixOutputs outputs(const Sizes& s, const Flags&) { return {{{s.n}}, {{s.m, s.n}}}; }
  using MatrixOp::MatrixOp;

  template <class T>
  void run(const Matrices& a, ContextHost& host) const {
    T* w = output<T>(host, 0, a);
    eigh(a.as<T>(), a.batch, a.rows, w, output<T>(host, 1, a), host);
  }
};

struct EigvalshOp : MatrixOp<EigvalshOp, 1, 1> {
  static constexpr const char* kName = "Eigvalsh";
  static MatrixOutputs outputs(const Sizes& s, const Flags&) { return {{{s.n}}}; }
  using MatrixOp::MatrixOp;

  template <class T>
  void run(const Matrices& a, ContextHost& host) const {
    eigh<T>(a.as<T>(), a.batch, a.rows, output<T>(host, 0, a), nullptr, host);
  }
};

struct SvdOp : MatrixOp<SvdOp, 1, 3> {
  static constexpr const char* kName = "Svd";
  static constexpr std::array kFlags{"full"};
  static constexpr bool kSquare = false;
  static MatrixOutputs outputs(const Sizes& s, const Flags& f) { return {{{s.m, f[0] ? s.m : s.k}}, {{s.k}}, {{f[0] ? s.n : s.k, s.n}}}; }
  using MatrixOp::MatrixOp;

  template <class T>
  void run(const Matrices& a, ContextHost& host) const {
    T *u = output<T>(host, 0, a), *s = output<T>(host, 1, a);
    svd(a.as<T>(), a.batch, a.rows, a.columns, flag(0) ? Vectors::Full : Vectors::Reduced, s, u, output<T>(host, 2, a), host);
  }
};

struct SvdvalsOp : MatrixOp<SvdvalsOp, 1, 1> {
  static constexpr const char* kName = "Svdvals";
  static constexpr bool kSquare = false;
  static MatrixOutputs outputs(const Sizes& s, const Flags&) { return {{{s.k}}}; }
  using MatrixOp::MatrixOp;

  template <class T>
  void run(const Matrices& a, ContextHost& host) const {
    svd<T>(a.as<T>(), a.batch, a.rows, a.columns, Vectors::None, output<T>(host, 0, a), nullptr, nullptr, host);
  }
};

struct PinvOp : MatrixOp<PinvOp, 2, 1> {
  static constexpr const char* kName = "Pinv";
  static constexpr bool kSquare = false;
  static MatrixOutputs outputs(const Sizes& s, const Flags&) { return {{{s.n, s.m}}}; }
  using MatrixOp::MatrixOp;

  template <class T>
  void run(const Matrices& a, ContextHost& host) const {
    ONNXTensorElementDataType type;
    const Tensor rtol = host.input(1, &type);
    require(type == a.type && static_cast<size_t>(elementCount(rtol.shape)) == a.batch, "rtol must have one number for each matrix");
    pinv(a.as<T>(), static_cast<const T*>(rtol.data), a.batch, a.rows, a.columns, output<T>(host, 0, a), host);
  }
};

}  // namespace hokku
