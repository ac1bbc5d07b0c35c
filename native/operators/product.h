// hokku.Product: a product of float32 matrices, with the bias and the ReLU after it, or a ReLU's gradient.
#pragma once

#include <stdexcept>

#include "../kernels/context.h"
#include "../kernels/product.h"
#include "signature.h"

namespace hokku {

// What a product is told, and what it makes of tensors: a [m, k] or, with transA, [k, m]; b [k, n] or, with transB, [n, k]; then,
// where they are, a bias [n] and a mask [m, n].
struct ProductCall {
  bool transA, transB, relu, masked, bias;

  void run(std::span<const Tensor> inputs, Host& host) const {
    const Tensor &a = inputs[0], &b = inputs[1];
    if (a.shape.size() != 2 || b.shape.size() != 2) throw std::invalid_argument("hokku.Product: expected 2 dimensions");
    const int64_t shape[] = {a.shape[transA ? 1 : 0], b.shape[transB ? 0 : 1]};
    const int64_t inner = a.shape[transA ? 0 : 1];
    if (b.shape[transB ? 1 : 0] != inner) throw std::invalid_argument("hokku.Product: inner dimensions differ");
    const float* added = bias ? columnsOf(inputs[2], shape[1], "Product", "the bias") : nullptr;
    const float* mask = masked ? alikeOf(inputs[2 + bias], shape, "Product", "the mask") : nullptr;
    multiply({static_cast<const float*>(a.data), static_cast<const float*>(b.data), added, mask,
              static_cast<float*>(host.output(0, shape)), static_cast<size_t>(shape[0]), static_cast<size_t>(shape[1]),
              static_cast<size_t>(inner), transA, transB, relu}, host);
  }
};

struct ProductOp : Signature<4, 1, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT> {
  static constexpr const char* kName = "Product";
  static constexpr size_t kRequired = 2;

  ProductOp(const OrtApi* api, const OrtKernelInfo* info) {
    const auto flag = [&](const char* name) { return intAttribute(api, info, name) != 0; };
    call_ = {flag("transA"), flag("transB"), flag("relu"), flag("masked"), false};
    call_.bias = hasBias(api, info, call_.masked);
  }

  void compute(const OrtApi* api, OrtKernelContext* context) const {
    ContextHost host(api, context);
    Tensor inputs[kInputs];
    const size_t count = kRequired + call_.bias + call_.masked;
    for (size_t i = 0; i < count; i++) inputs[i] = host.input(i);
    call_.run({inputs, count}, host);
  }

  static void infer(const Inference& inference) {
    const InferredShape a = inference.input(0), b = inference.input(1);
    if (a.dims.size() != 2 || b.dims.size() != 2) return;
    const size_t row = inference.integer("transA") ? 1 : 0, column = inference.integer("transB") ? 0 : 1;
    inference.setOutput(0, {a.type, {a.dims[row], b.dims[column]}, {a.names[row], b.names[column]}, true});
  }

 private:
  ProductCall call_;
};

}  // namespace hokku
