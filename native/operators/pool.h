// hokku.Pool and hokku.MaxPoolGradient: windows of float32 images whose channels come last, over one or two axes of space.
#pragma once

#include "../kernels/pool.h"
#include "convolution.h"

namespace hokku {

struct PoolOp : Signature<1, 1, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT> {
  static constexpr const char* kName = "Pool";
  // An image [n, …space, channels]; its maxima, or with `sum` its sums, in windows of the size `window`.

  PoolOp(const OrtApi* api, const OrtKernelInfo* info)
      : attributes_(convAttributes(api, info)), window_(intsAttribute(api, info, "window")), sum_(intAttribute(api, info, "sum") != 0) {}

  void compute(const OrtApi* api, OrtKernelContext* context) const {
    ContextHost host(api, context);
    const Tensor x = host.input(0);
    const Convolution c = attributes_.of(x.shape, window_, x.shape.back());
    Shape shape(x.shape.begin(), x.shape.end());
    for (size_t i = 0; i < attributes_.rank(); i++) shape[i + 1] = static_cast<int64_t>(c.axes[2 - attributes_.rank() + i].out);
    (sum_ ? poolSum : poolMax)(c, static_cast<const float*>(x.data), static_cast<float*>(host.output(0, shape)), host);
  }

  static void infer(const Inference& inference) {
    const ConvAttributes attributes = convAttributes(inference);
    const std::vector<int64_t> window = inference.ints("window");
    InferredShape x = inference.input(0);
    if (x.dims.size() != attributes.rank() + 2 || window.size() != attributes.rank()) return;
    for (size_t i = 0; i < attributes.rank(); i++) {
      if (x.dims[i + 1] < 0) return;
      x.dims[i + 1] = attributes.outOf(i, x.dims[i + 1], window[i]);
    }
    inference.setOutput(0, x);
  }

 private:
  ConvAttributes attributes_;
  std::vector<int64_t> window_;
  bool sum_;
};

struct MaxPoolGradientOp : Signature<3, 1, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT> {
  static constexpr const char* kName = "MaxPoolGradient";
  // The image, its maxima, and their cotangent; makes the image's.

  MaxPoolGradientOp(const OrtApi* api, const OrtKernelInfo* info) : attributes_(convAttributes(api, info)), window_(intsAttribute(api, info, "window")) {}

  void compute(const OrtApi* api, OrtKernelContext* context) const {
    ContextHost host(api, context);
    const Tensor x = host.input(0), y = host.input(1), ct = host.input(2);
    const Convolution c = attributes_.of(x.shape, window_, x.shape.back());
    const size_t pixels = c.images * c.axes[0].out * c.axes[1].out;
    for (const Tensor& t : {y, ct}) {
      if (elementCount(t.shape) != pixels * c.channels) throw std::invalid_argument("hokku.MaxPoolGradient: the maxima or their cotangent do not fit");
    }
    poolMaxBack(c, static_cast<const float*>(x.data), static_cast<const float*>(y.data), static_cast<const float*>(ct.data), static_cast<float*>(host.output(0, x.shape)), host);
  }

  static void infer(const Inference& inference) { inference.setOutput(0, inference.input(0)); }

 private:
  ConvAttributes attributes_;
  std::vector<int64_t> window_;
};

}  // namespace hokku
