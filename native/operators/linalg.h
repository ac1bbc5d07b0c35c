// hokku.Cholesky, TriangularSolve, Lu, Permutation, LuSolve, Determinant, Cofactors, Eigh, Eigvalsh, Svd, Svdvals, Pinv: matrices of float32 or
// float64, whose leading axes are a batch.
#pragma once

#include <algorithm>
#include <stdexcept>
#include <string>

#include "../kernels/cholesky.h"
#include "../kernels/context.h"
#include "../kernels/eigh.h"
#include "../kernels/lu.h"
#include "../kernels/svd.h"
#include "../kernels/triangular.h"

namespace hokku {

// A tensor as a batch of matrices.
struct Matrices {
  const void* data;
  ONNXTensorElementDataType type;
  Shape lead;
  size_t batch, rows, columns;

  template <class T>
  const T* as() const { return static_cast<const T*>(data); }
  Shape with(std::initializer_list<size_t> last) const {
    Shape shape = lead;
    for (const size_t dim : last) shape.push_back(static_cast<int64_t>(dim));
    return shape;
  }
};

template <class Op, size_t Inputs, size_t Outputs>
struct MatrixOp {
  static constexpr size_t kInputs = Inputs, kOutputs = Outputs;
  static constexpr bool kVariadic = false;
  static ONNXTensorElementDataType inputType(size_t) { return ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED; }
  static ONNXTensorElementDataType outputType(size_t) { return ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED; }

  MatrixOp(const OrtApi*, const OrtKernelInfo*) {}

  void compute(const OrtApi* api, OrtKernelContext* context) const {
    ContextHost host(api, context);
    const Matrices a = matrices(host, 0);
    const Op& self = static_cast<const Op&>(*this);
    if (a.type == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT) self.template run<float>(a, host);
    else if (a.type == ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE) self.template run<double>(a, host);
    else refuse("expected float32 or float64");
  }

  [[noreturn]] static void refuse(const char* what) { throw std::invalid_argument(std::string("hokku.") + Op::kName + ": " + what); }
  static void require(bool holds, const char* what) {
    if (!holds) refuse(what);
  }
  static void requireSquare(const Matrices& a) { require(a.rows == a.columns, "expected square matrices"); }

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
  // Matrices that stand beside those of `a`.
  static Matrices beside(ContextHost& host, size_t index, const Matrices& a, size_t rows) {
    const Matrices b = matrices(host, index);
    require(b.type == a.type && b.lead == a.lead && b.rows == rows, "the inputs do not fit each other");
    return b;
  }

  template <class T>
  static T* output(ContextHost& host, size_t index, const Matrices& a, std::initializer_list<size_t> last) {
    return static_cast<T*>(host.output(index, a.with(last)));
  }

  // An output whose leading axes are those of `a` and whose last are `last`, -1 where unknown.
  static void infer(const Inference& inference, size_t index, InferredShape a, std::initializer_list<int64_t> last, int64_t type = 0) {
    if (a.dims.size() < 2) return;
    a.dims.resize(a.dims.size() - 2);
    a.names.resize(a.dims.size());
    for (const int64_t dim : last) {
      a.dims.push_back(dim);
      a.names.emplace_back();
    }
    if (type) a.type = type;
    inference.setOutput(index, a);
  }
  struct Sizes {
    int64_t m = -1, n = -1, k = -1;
    explicit Sizes(const InferredShape& a) {
      if (a.dims.size() < 2) return;
      m = a.dims[a.dims.size() - 2];
      n = a.dims[a.dims.size() - 1];
      k = m >= 0 && n >= 0 ? std::min(m, n) : -1;
    }
  };
};

struct CholeskyOp : MatrixOp<CholeskyOp, 1, 1> {
  static constexpr const char* kName = "Cholesky";
  using MatrixOp::MatrixOp;

  template <class T>
  void run(const Matrices& a, ContextHost& host) const {
    requireSquare(a);
    cholesky(a.as<T>(), a.batch, a.rows, output<T>(host, 0, a, {a.rows, a.rows}), host);
  }

  static void infer(const Inference& inference) { inference.setOutput(0, inference.input(0)); }
};

struct TriangularSolveOp : MatrixOp<TriangularSolveOp, 2, 1> {
  static constexpr const char* kName = "TriangularSolve";

  TriangularSolveOp(const OrtApi* api, const OrtKernelInfo* info)
      : MatrixOp(api, info),
        kind_{intAttribute(api, info, "lower") != 0, intAttribute(api, info, "transposed") != 0, intAttribute(api, info, "unit") != 0} {}

  template <class T>
  void run(const Matrices& a, ContextHost& host) const {
    requireSquare(a);
    const Matrices b = beside(host, 1, a, a.rows);
    triangularSolve(a.as<T>(), b.as<T>(), a.batch, a.rows, b.columns, kind_, output<T>(host, 0, a, {b.rows, b.columns}), host);
  }

  static void infer(const Inference& inference) { inference.setOutput(0, inference.input(1)); }

 private:
  Triangle kind_;
};

struct LuOp : MatrixOp<LuOp, 1, 3> {
  static constexpr const char* kName = "Lu";
  using MatrixOp::MatrixOp;

  template <class T>
  void run(const Matrices& a, ContextHost& host) const {
    T* out = output<T>(host, 0, a, {a.rows, a.columns});
    int32_t* pivots = output<int32_t>(host, 1, a, {std::min(a.rows, a.columns)});
    lu(a.as<T>(), a.batch, a.rows, a.columns, out, pivots, output<int32_t>(host, 2, a, {a.rows}), host);
  }

  static void infer(const Inference& inference) {
    const InferredShape a = inference.input(0);
    const Sizes sizes(a);
    inference.setOutput(0, a);
    MatrixOp::infer(inference, 1, a, {sizes.k}, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32);
    MatrixOp::infer(inference, 2, a, {sizes.m}, ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32);
  }
};

// The order that an Lu's pivots, int32 [.., k], bring `size` rows to.
struct PermutationOp : MatrixOp<PermutationOp, 1, 1> {
  static constexpr const char* kName = "Permutation";

  PermutationOp(const OrtApi* api, const OrtKernelInfo* info) : MatrixOp(api, info), size_(intAttribute(api, info, "size")) {}

  void compute(const OrtApi* api, OrtKernelContext* context) const {
    ContextHost host(api, context);
    ONNXTensorElementDataType type;
    const Tensor pivots = host.input(0, &type);
    require(type == ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32 && !pivots.shape.empty() && pivots.shape.back() <= size_, "expected at most size int32 pivots");
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

struct LuSolveOp : MatrixOp<LuSolveOp, 3, 1> {
  static constexpr const char* kName = "LuSolve";

  LuSolveOp(const OrtApi* api, const OrtKernelInfo* info) : MatrixOp(api, info), transposed_(intAttribute(api, info, "transposed") != 0) {}

  template <class T>
  void run(const Matrices& factors, ContextHost& host) const {
    requireSquare(factors);
    ONNXTensorElementDataType type;
    const Tensor permutation = host.input(1, &type);
    require(type == ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32 && elementCount(permutation.shape) == elementCount(factors.with({factors.rows})), "the permutation does not fit");
    const Matrices b = beside(host, 2, factors, factors.rows);
    luSolve(factors.as<T>(), static_cast<const int32_t*>(permutation.data), b.as<T>(), b.batch, b.rows, b.columns, transposed_,
            output<T>(host, 0, b, {b.rows, b.columns}), host);
  }

  static void infer(const Inference& inference) { inference.setOutput(0, inference.input(2)); }

 private:
  bool transposed_;
};

struct DeterminantOp : MatrixOp<DeterminantOp, 1, 3> {
  static constexpr const char* kName = "Determinant";
  using MatrixOp::MatrixOp;

  template <class T>
  void run(const Matrices& a, ContextHost& host) const {
    requireSquare(a);
    T *sign = output<T>(host, 0, a, {}), *logarithm = output<T>(host, 1, a, {});
    determinant(a.as<T>(), a.batch, a.rows, sign, logarithm, output<T>(host, 2, a, {}), host);
  }

  static void infer(const Inference& inference) {
    for (const size_t i : {0, 1, 2}) MatrixOp::infer(inference, i, inference.input(0), {});
  }
};

struct CofactorsOp : MatrixOp<CofactorsOp, 1, 1> {
  static constexpr const char* kName = "Cofactors";
  using MatrixOp::MatrixOp;

  template <class T>
  void run(const Matrices& a, ContextHost& host) const {
    requireSquare(a);
    cofactors(a.as<T>(), a.batch, a.rows, output<T>(host, 0, a, {a.rows, a.rows}), host);
  }

  static void infer(const Inference& inference) { inference.setOutput(0, inference.input(0)); }
};

// Eigenvalues, and eigenvectors where there is an output for them.
template <class Op, size_t Outputs>
struct EigenOp : MatrixOp<Op, 1, Outputs> {
  using Base = MatrixOp<Op, 1, Outputs>;
  using Base::Base;

  template <class T>
  void run(const Matrices& a, ContextHost& host) const {
    Base::requireSquare(a);
    T* w = Base::template output<T>(host, 0, a, {a.rows});
    eigh(a.as<T>(), a.batch, a.rows, w, Outputs == 2 ? Base::template output<T>(host, 1, a, {a.rows, a.rows}) : nullptr, host);
  }

  static void infer(const Inference& inference) {
    const InferredShape a = inference.input(0);
    Base::infer(inference, 0, a, {typename Base::Sizes(a).n});
    if (Outputs == 2) inference.setOutput(1, a);
  }
};
struct EighOp : EigenOp<EighOp, 2> {
  static constexpr const char* kName = "Eigh";
  using EigenOp::EigenOp;
};
struct EigvalshOp : EigenOp<EigvalshOp, 1> {
  static constexpr const char* kName = "Eigvalsh";
  using EigenOp::EigenOp;
};

struct SvdOp : MatrixOp<SvdOp, 1, 3> {
  static constexpr const char* kName = "Svd";

  SvdOp(const OrtApi* api, const OrtKernelInfo* info) : MatrixOp(api, info), full_(intAttribute(api, info, "full") != 0) {}

  template <class T>
  void run(const Matrices& a, ContextHost& host) const {
    const size_t k = std::min(a.rows, a.columns);
    T* u = output<T>(host, 0, a, {a.rows, full_ ? a.rows : k});
    T* s = output<T>(host, 1, a, {k});
    svd(a.as<T>(), a.batch, a.rows, a.columns, full_ ? Vectors::Full : Vectors::Reduced, s, u, output<T>(host, 2, a, {full_ ? a.columns : k, a.columns}), host);
  }

  static void infer(const Inference& inference) {
    const InferredShape a = inference.input(0);
    const Sizes sizes(a);
    const bool full = inference.integer("full") != 0;
    MatrixOp::infer(inference, 0, a, {sizes.m, full ? sizes.m : sizes.k});
    MatrixOp::infer(inference, 1, a, {sizes.k});
    MatrixOp::infer(inference, 2, a, {full ? sizes.n : sizes.k, sizes.n});
  }

 private:
  bool full_;
};

struct SvdvalsOp : MatrixOp<SvdvalsOp, 1, 1> {
  static constexpr const char* kName = "Svdvals";
  using MatrixOp::MatrixOp;

  template <class T>
  void run(const Matrices& a, ContextHost& host) const {
    T* s = output<T>(host, 0, a, {std::min(a.rows, a.columns)});
    svd<T>(a.as<T>(), a.batch, a.rows, a.columns, Vectors::None, s, nullptr, nullptr, host);
  }

  static void infer(const Inference& inference) {
    const InferredShape a = inference.input(0);
    MatrixOp::infer(inference, 0, a, {Sizes(a).k});
  }
};

struct PinvOp : MatrixOp<PinvOp, 2, 1> {
  static constexpr const char* kName = "Pinv";
  using MatrixOp::MatrixOp;

  template <class T>
  void run(const Matrices& a, ContextHost& host) const {
    ONNXTensorElementDataType type;
    const Tensor rtol = host.input(1, &type);
    require(type == a.type && static_cast<size_t>(elementCount(rtol.shape)) == a.batch, "rtol must have one number for each matrix");
    pinv(a.as<T>(), static_cast<const T*>(rtol.data), a.batch, a.rows, a.columns, output<T>(host, 0, a, {a.columns, a.rows}), host);
  }

  static void infer(const Inference& inference) {
    const InferredShape a = inference.input(0);
    const Sizes sizes(a);
    MatrixOp::infer(inference, 0, a, {sizes.n, sizes.m});
  }
};

}  // namespace hokku
