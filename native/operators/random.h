// hokku.RandomBits, RandomSplit and RandomFoldIn.
#pragma once

#include <algorithm>
#include <stdexcept>

#include "../kernels/context.h"
#include "../kernels/threefry.h"

namespace hokku {

struct RandomBitsOp {
  static constexpr const char* kName = "RandomBits";
  static constexpr size_t kInputs = 1, kOutputs = 1;
  static constexpr bool kVariadic = false;
  static ONNXTensorElementDataType inputType(size_t) { return ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32; }
  static ONNXTensorElementDataType outputType(size_t) { return ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED; }

  static int64_t typeOfWidth(int64_t width) {
    switch (width) {
      case 8: return ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8;
      case 16: return ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16;
      case 32: return ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32;
      case 64: return ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT64;
      default: throw std::invalid_argument("hokku.RandomBits: width must be 8, 16, 32 or 64");
    }
  }

  RandomBitsOp(const OrtApi* api, const OrtKernelInfo* info)
      : shape_(intsAttribute(api, info, "shape")),
        width_(static_cast<int>(intAttribute(api, info, "width"))),
        partitionable_(intAttribute(api, info, "partitionable") != 0) {
    if (std::any_of(shape_.begin(), shape_.end(), [](int64_t dim) { return dim < 0; })) {
      throw std::invalid_argument("hokku.RandomBits: a dimension of shape is negative");
    }
    OrtTypeInfo* type = nullptr;
    check(api->KernelInfo_GetOutputTypeInfo(info, 0, &type));
    if (typeOf(api, type) != typeOfWidth(width_)) {
      throw std::invalid_argument("hokku.RandomBits: the output must be an unsigned integer of width bits");
    }
  }

  void compute(const OrtApi* api, OrtKernelContext* context) const {
    ContextHost host(api, context);
    const Key key = host.key(0);
    randomBits(key, elementCount(shape_), width_, partitionable_, host.output(0, shape_), host);
  }

  static void infer(const Inference& inference) {
    InferredShape shape;
    shape.type = typeOfWidth(inference.integer("width"));
    shape.dims = inference.ints("shape");
    inference.setOutput(0, shape);
  }

 private:
  Shape shape_;
  int width_;
  bool partitionable_;
};

struct RandomSplitOp {
  static constexpr const char* kName = "RandomSplit";
  static constexpr size_t kInputs = 1, kOutputs = 1;
  static constexpr bool kVariadic = false;
  static ONNXTensorElementDataType inputType(size_t) { return ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32; }
  static ONNXTensorElementDataType outputType(size_t) { return ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32; }

  RandomSplitOp(const OrtApi* api, const OrtKernelInfo* info)
      : num_(intAttribute(api, info, "num")), partitionable_(intAttribute(api, info, "partitionable") != 0) {
    if (num_ < 0) throw std::invalid_argument("hokku.RandomSplit: num is negative");
  }

  void compute(const OrtApi* api, OrtKernelContext* context) const {
    ContextHost host(api, context);
    const Key key = host.key(0);
    const int64_t shape[] = {num_, 2};
    splitKey(key, static_cast<size_t>(num_), partitionable_, static_cast<uint32_t*>(host.output(0, shape)), host);
  }

  static void infer(const Inference& inference) {
    inference.setOutput(0, {ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32, {inference.integer("num"), 2}, {}, true});
  }

 private:
  int64_t num_;
  bool partitionable_;
};

struct RandomFoldInOp {
  static constexpr const char* kName = "RandomFoldIn";
  static constexpr size_t kInputs = 2, kOutputs = 1;
  static constexpr bool kVariadic = false;
  static ONNXTensorElementDataType inputType(size_t) { return ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32; }
  static ONNXTensorElementDataType outputType(size_t) { return ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32; }

  RandomFoldInOp(const OrtApi*, const OrtKernelInfo*) {}

  void compute(const OrtApi* api, OrtKernelContext* context) const {
    ContextHost host(api, context);
    const Tensor data = host.input(1);
    if (elementCount(data.shape) != 1) throw std::invalid_argument("hokku.RandomFoldIn: data is not a scalar");
    const Key folded = foldIn(host.key(0), *static_cast<const uint32_t*>(data.data));
    const int64_t shape[] = {2};
    std::copy_n(folded.words, 2, static_cast<uint32_t*>(host.output(0, shape)));
  }

  static void infer(const Inference& inference) {
    inference.setOutput(0, {ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32, {2}, {}, true});
  }
};

}  // namespace hokku
