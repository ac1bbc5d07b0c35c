// hokku.SegmentSum: rows added up by the segment that each belongs to.
#pragma once

#include <algorithm>
#include <stdexcept>

#include "../kernels/context.h"
#include "../kernels/segment_sum.h"

namespace hokku {

struct SegmentSumOp {
  static constexpr const char* kName = "SegmentSum";
  // Ids, int32 or int64 of any shape; rows, float32 of that shape and then the shape of a row.
  static constexpr size_t kInputs = 2, kOutputs = 1;
  static constexpr bool kVariadic = false;
  static ONNXTensorElementDataType inputType(size_t i) { return i == 0 ? ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED : ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT; }
  static ONNXTensorElementDataType outputType(size_t) { return ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT; }

  SegmentSumOp(const OrtApi* api, const OrtKernelInfo* info) : segments_(intAttribute(api, info, "segments")) {
    if (segments_ < 0) throw std::invalid_argument("hokku.SegmentSum: segments is negative");
  }

  void compute(const OrtApi* api, OrtKernelContext* context) const {
    ContextHost host(api, context);
    ONNXTensorElementDataType type;
    const Tensor ids = host.input(0, &type), rows = host.input(1);
    const size_t rank = ids.shape.size();
    if (rows.shape.size() < rank || !std::equal(ids.shape.begin(), ids.shape.end(), rows.shape.begin())) {
      throw std::invalid_argument("hokku.SegmentSum: there must be a row for each id");
    }
    Shape shape{segments_};
    shape.insert(shape.end(), rows.shape.begin() + static_cast<std::ptrdiff_t>(rank), rows.shape.end());
    float* out = static_cast<float*>(host.output(0, shape));
    const size_t count = elementCount(ids.shape), width = elementCount(rows.shape.subspan(rank));
    const auto sum = [&](auto* data) {
      sumSegments({{data, count}, static_cast<const float*>(rows.data), out, static_cast<size_t>(segments_), width}, host);
    };
    switch (type) {
      case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32: return sum(static_cast<const int32_t*>(ids.data));
      case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64: return sum(static_cast<const int64_t*>(ids.data));
      default: throw std::invalid_argument("hokku.SegmentSum: ids must be int32 or int64");
    }
  }

  static void infer(const Inference& inference) {
    const InferredShape ids = inference.input(0);
    InferredShape shape = inference.input(1);
    if (!ids.known || !shape.known || ids.dims.size() > shape.dims.size()) return;
    const auto rank = static_cast<std::ptrdiff_t>(ids.dims.size());
    shape.dims.erase(shape.dims.begin(), shape.dims.begin() + rank);
    shape.names.erase(shape.names.begin(), shape.names.begin() + rank);
    shape.dims.insert(shape.dims.begin(), inference.integer("segments"));
    shape.names.insert(shape.names.begin(), "");
    inference.setOutput(0, shape);
  }

 private:
  int64_t segments_;
};

}  // namespace hokku
