// hokku.PackMatrix and hokku.PackedProduct: products with a matrix that stays the same while a loop turns.
#pragma once

#include <stdexcept>

#include "../kernels/context.h"
#include "../kernels/convolution.h"
#include "signature.h"

namespace hokku {

struct PackMatrixOp : Signature<1, 1, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT> {
  static constexpr const char* kName = "PackMatrix";
  // A matrix [depth, columns] or, where it is transposed, [columns, depth]; makes a vector that only this machine can read.

  PackMatrixOp(const OrtApi* api, const OrtKernelInfo* info) : transposed_(intAttribute(api, info, "transposed") != 0) {}

  void compute(const OrtApi* api, OrtKernelContext* context) const {
    ContextHost host(api, context);
    const Tensor matrix = host.input(0);
    if (matrix.shape.size() != 2) throw std::invalid_argument("hokku.PackMatrix: expected 2 dimensions");
    const auto depth = static_cast<size_t>(matrix.shape[transposed_ ? 1 : 0]), columns = static_cast<size_t>(matrix.shape[transposed_ ? 0 : 1]);
    if (depth == 0 || columns == 0) throw std::invalid_argument("hokku.PackMatrix: nothing may be empty");
    const int64_t size = static_cast<int64_t>(packedSize(depth, columns));
    packMatrix(static_cast<const float*>(matrix.data), depth, columns, transposed_, static_cast<float*>(host.output(0, {&size, 1})), host);
  }

  static void infer(const Inference& inference) {
    const InferredShape matrix = inference.input(0);
    if (matrix.dims.size() != 2 || matrix.dims[0] < 0 || matrix.dims[1] < 0) return;
    const bool transposed = inference.integer("transposed") != 0;
    const size_t size = packedSize(static_cast<size_t>(matrix.dims[transposed ? 1 : 0]), static_cast<size_t>(matrix.dims[transposed ? 0 : 1]));
    inference.setOutput(0, {matrix.type, {static_cast<int64_t>(size)}, {""}, true});
  }

 private:
  bool transposed_;
};

struct PackedProductOp : Signature<3, 1, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT> {
  static constexpr const char* kName = "PackedProduct";
  // a [rows, depth]; a packed matrix, of `columns`; a bias [columns] where there is one.
  static constexpr size_t kRequired = 2;

  PackedProductOp(const OrtApi* api, const OrtKernelInfo* info) : columns_(intAttribute(api, info, "columns")), relu_(intAttribute(api, info, "relu") != 0) {
    bias_ = hasBias(api, info);
    if (columns_ < 1) throw std::invalid_argument("hokku.PackedProduct: columns must be positive");
  }

  void compute(const OrtApi* api, OrtKernelContext* context) const {
    ContextHost host(api, context);
    const Tensor a = host.input(0), packed = host.input(1);
    if (a.shape.size() != 2 || a.shape[0] == 0 || a.shape[1] == 0) throw std::invalid_argument("hokku.PackedProduct: expected 2 dimensions, of which none is empty");
    const auto rows = static_cast<size_t>(a.shape[0]), depth = static_cast<size_t>(a.shape[1]), columns = static_cast<size_t>(columns_);
    if (elementCount(packed.shape) != packedSize(depth, columns)) throw std::invalid_argument("hokku.PackedProduct: inner dimensions differ");
    const float* bias = bias_ ? columnsOf(host.input(2), columns_, kName, "the bias") : nullptr;
    const int64_t shape[] = {a.shape[0], columns_};
    multiplyPacked(static_cast<const float*>(a.data), rows, depth, static_cast<const float*>(packed.data), columns, bias, relu_,
                   static_cast<float*>(host.output(0, shape)), host);
  }

  static void infer(const Inference& inference) {
    InferredShape a = inference.input(0);
    if (a.dims.size() != 2) return;
    a.dims[1] = inference.integer("columns");
    a.names[1].clear();
    inference.setOutput(0, a);
  }

 private:
  int64_t columns_;
  bool relu_, bias_ = false;
};

}  // namespace hokku
