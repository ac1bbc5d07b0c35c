// hokku.Qr: the reduced QR decomposition.
#pragma once

#include <algorithm>
#include <stdexcept>

#include "../kernels/context.h"
#include "../kernels/qr.h"

namespace hokku {

struct QrOp {
  static constexpr const char* kName = "Qr";
  static constexpr size_t kInputs = 1, kOutputs = 2;
  static constexpr bool kVariadic = false;
  static ONNXTensorElementDataType inputType(size_t) { return ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED; }
  static ONNXTensorElementDataType outputType(size_t) { return ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED; }

  QrOp(const OrtApi*, const OrtKernelInfo*) {}

  void compute(const OrtApi* api, OrtKernelContext* context) const {
    ContextHost host(api, context);
    ONNXTensorElementDataType type;
    const Tensor a = host.input(0, &type);
    if (type == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT) run<float>(a, host);
    else if (type == ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE) run<double>(a, host);
    else throw std::invalid_argument("hokku.Qr: expected float32 or float64");
  }

  template <class T>
  static void run(const Tensor& a, ContextHost& host) {
    const size_t rank = a.shape.size();
    if (rank < 2) throw std::invalid_argument("hokku.Qr: expected at least 2 dimensions");
    const int64_t m = a.shape[rank - 2], n = a.shape[rank - 1], k = std::min(m, n);
    Shape q(a.shape.begin(), a.shape.end()), r = q;
    q[rank - 1] = k;
    r[rank - 2] = k;
    T* qData = static_cast<T*>(host.output(0, q));
    T* rData = static_cast<T*>(host.output(1, r));
    qr(static_cast<const T*>(a.data), elementCount(a.shape.first(rank - 2)), static_cast<size_t>(m),
       static_cast<size_t>(n), qData, rData, host);
  }

  static void infer(const Inference& inference) {
    const InferredShape a = inference.input(0);
    const size_t rank = a.dims.size();
    if (rank < 2) return;
    InferredShape q = a, r = a;
    const int64_t m = a.dims[rank - 2], n = a.dims[rank - 1];
    const bool known = m >= 0 && n >= 0;
    q.dims[rank - 1] = r.dims[rank - 2] = known ? std::min(m, n) : -1;
    q.names[rank - 1] = r.names[rank - 2] = "";
    inference.setOutput(0, q);
    inference.setOutput(1, r);
  }
};

}  // namespace hokku
