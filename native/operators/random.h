// hokku.RandomBits, RandomSplit and RandomFoldIn. Keys are uint32 [..., 2]: the results of many stand one behind the other.
#pragma once

#include <algorithm>
#include <span>
#include <stdexcept>

#include "../kernels/context.h"
#include "../kernels/threefry.h"
#include "signature.h"

namespace hokku {

// The keys of input 0: two words each.
struct Keys {
  std::span<const Key> all;
  std::span<const int64_t> batch;

  explicit Keys(const Tensor& tensor) {
    if (tensor.shape.empty() || tensor.shape.back() != 2) throw std::invalid_argument("a key has 2 words");
    batch = tensor.shape.first(tensor.shape.size() - 1);
    all = {static_cast<const Key*>(tensor.data), elementCount(batch)};
  }
  Shape shapeOf(std::span<const int64_t> one) const {
    Shape shape(batch.begin(), batch.end());
    shape.insert(shape.end(), one.begin(), one.end());
    return shape;
  }
};
inline void inferPerKey(const Inference& inference, int64_t type, std::span<const int64_t> one) {
  InferredShape shape = inference.input(0);
  if (!shape.known || shape.dims.empty()) return;
  shape.type = type;
  shape.dims.pop_back();
  shape.names.pop_back();
  shape.dims.insert(shape.dims.end(), one.begin(), one.end());
  shape.names.resize(shape.dims.size());
  inference.setOutput(0, shape);
}

struct RandomBitsOp : Signature<1, 1, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32, kAnyType> {
  static constexpr const char* kName = "RandomBits";

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
    const Keys keys(host.input(0));
    const size_t count = elementCount(shape_), bytes = count * static_cast<size_t>(width_) / 8;
    auto* out = static_cast<char*>(host.output(0, keys.shapeOf(shape_)));
    for (const Key key : keys.all) {
      randomBits(key, count, width_, partitionable_, out, host);
      out += bytes;
    }
  }

  static void infer(const Inference& inference) {
    inferPerKey(inference, typeOfWidth(inference.integer("width")), inference.ints("shape"));
  }

 private:
  Shape shape_;
  int width_;
  bool partitionable_;
};

struct RandomSplitOp : Signature<1, 1, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32> {
  static constexpr const char* kName = "RandomSplit";

  RandomSplitOp(const OrtApi* api, const OrtKernelInfo* info)
      : num_(intAttribute(api, info, "num")), partitionable_(intAttribute(api, info, "partitionable") != 0) {
    if (num_ < 0) throw std::invalid_argument("hokku.RandomSplit: num is negative");
  }

  void compute(const OrtApi* api, OrtKernelContext* context) const {
    ContextHost host(api, context);
    const Keys keys(host.input(0));
    const int64_t shape[] = {num_, 2};
    auto* out = static_cast<uint32_t*>(host.output(0, keys.shapeOf(shape)));
    for (const Key key : keys.all) {
      splitKey(key, static_cast<size_t>(num_), partitionable_, out, host);
      out += 2 * num_;
    }
  }

  static void infer(const Inference& inference) {
    const int64_t shape[] = {inference.integer("num"), 2};
    inferPerKey(inference, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32, shape);
  }

 private:
  int64_t num_;
  bool partitionable_;
};

struct RandomFoldInOp : Signature<2, 1, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32> {
  static constexpr const char* kName = "RandomFoldIn";

  RandomFoldInOp(const OrtApi*, const OrtKernelInfo*) {}

  void compute(const OrtApi* api, OrtKernelContext* context) const {
    ContextHost host(api, context);
    const Keys keys(host.input(0));
    const Tensor data = host.input(1);
    if (elementCount(data.shape) != keys.all.size()) throw std::invalid_argument("hokku.RandomFoldIn: expected one number for each key");
    const int64_t shape[] = {2};
    auto* out = static_cast<Key*>(host.output(0, keys.shapeOf(shape)));
    for (size_t i = 0; i < keys.all.size(); i++) out[i] = foldIn(keys.all[i], static_cast<const uint32_t*>(data.data)[i]);
  }

  static void infer(const Inference& inference) {
    const int64_t shape[] = {2};
    inferPerKey(inference, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32, shape);
  }
};

}  // namespace hokku
