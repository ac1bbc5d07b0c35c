// hokku.Product: a product of float32 matrices, with the bias and the ReLU after it, or a ReLU's gradient.
#pragma once

#include <stdexcept>

#include "../kernels/context.h"
#include "../kernels/product.h"
#include "signature.h"

namespace hokku {

struct ProductOp : Signature<4, 1, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT> {
  static constexpr const char* kName = "Product";
  // a [m, k] or, with transA, [k, m]; b [k, n] or, with transB, [n, k]; then, where they are, a bias [n] and a mask [m, n].
  static constexpr size_t kRequired = 2;

  ProductOp(const OrtApi* api, const OrtKernelInfo* info)
      : transA_(intAttribute(api, info, "transA") != 0),
        transB_(intAttribute(api, info, "transB") != 0),
        relu_(intAttribute(api, info, "relu") != 0),
        masked_(intAttribute(api, info, "masked") != 0) {
    bias_ = hasBias(api, info, masked_);
  }

  void compute(const OrtApi* api, OrtKernelContext* context) const {
    ContextHost host(api, context);
    const Tensor a = host.input(0), b = host.input(1);
    if (a.shape.size() != 2 || b.shape.size() != 2) throw std::invalid_argument("hokku.Product: expected 2 dimensions");
    const int64_t shape[] = {a.shape[transA_ ? 1 : 0], b.shape[transB_ ? 0 : 1]};
    const int64_t inner = a.shape[transA_ ? 0 : 1];
    if (b.shape[transB_ ? 1 : 0] != inner) throw std::invalid_argument("hokku.Product: inner dimensions differ");
    const float* bias = biasOf(host, bias_, shape[1], kName);
    const float* mask = masked_ ? alikeOf(host, 2 + bias_, shape, kName, "the mask") : nullptr;
    multiply({static_cast<const float*>(a.data), static_cast<const float*>(b.data), bias, mask,
              static_cast<float*>(host.output(0, shape)), static_cast<size_t>(shape[0]), static_cast<size_t>(shape[1]),
              static_cast<size_t>(inner), transA_, transB_, relu_}, host);
  }

  static void infer(const Inference& inference) {
    const InferredShape a = inference.input(0), b = inference.input(1);
    if (a.dims.size() != 2 || b.dims.size() != 2) return;
    const size_t row = inference.integer("transA") ? 1 : 0, column = inference.integer("transB") ? 0 : 1;
    inference.setOutput(0, {a.type, {a.dims[row], b.dims[column]}, {a.names[row], b.names[column]}, true});
  }

 private:
  bool transA_, transB_, relu_, masked_, bias_ = false;
};

}  // namespace hokku
