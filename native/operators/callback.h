// hokku.Callback: a JavaScript function as a node. Its outputs' types and shapes are attributes.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "../callback.h"
#include "../kernels/context.h"
#include "signature.h"

namespace hokku {

struct CallbackOp : Variadic {
  static constexpr const char* kName = "Callback";

  CallbackOp(const OrtApi* api, const OrtKernelInfo* info)
      : token_(intAttribute(api, info, "token")),
        id_(intAttribute(api, info, "id")),
        inputBytes_(intsAttribute(api, info, "input_bytes")),
        outputBytes_(intsAttribute(api, info, "output_bytes")),
        shapes_(split(intsAttribute(api, info, "output_ranks"), intsAttribute(api, info, "output_dims"))) {
    if (shapes_.size() != outputBytes_.size()) throw std::invalid_argument("hokku.Callback: its outputs have ranks and sizes of different counts");
  }

  void compute(const OrtApi* api, OrtKernelContext* context) const {
    ContextHost host(api, context);
    std::vector<CallbackBytes> inputs;
    // A function without arguments has an input all the same, since a node needs one.
    for (size_t i = 0; i + 1 < inputBytes_.size(); i++) inputs.push_back({host.input(i).data, static_cast<size_t>(inputBytes_[i])});
    std::vector<CallbackResult> results;
    for (size_t i = 0; i < shapes_.size(); i++) results.push_back({host.output(i, shapes_[i]), static_cast<size_t>(outputBytes_[i])});
    CallJavaScript(token_, id_, inputs, results);
  }

  static void infer(const Inference& inference) {
    const auto shapes = split(inference.ints("output_ranks"), inference.ints("output_dims"));
    const auto types = inference.ints("output_types");
    for (size_t i = 0; i < shapes.size() && i < types.size(); i++) {
      InferredShape shape;
      shape.type = types[i];
      shape.dims = shapes[i];
      inference.setOutput(i, shape);
    }
  }

 private:
  static std::vector<Shape> split(const std::vector<int64_t>& ranks, const std::vector<int64_t>& dims) {
    std::vector<Shape> shapes;
    size_t at = 0;
    for (const int64_t rank : ranks) {
      if (rank < 0 || at + static_cast<size_t>(rank) + 1 > dims.size()) throw std::invalid_argument("hokku.Callback: output_dims is shorter than output_ranks say");
      shapes.emplace_back(dims.begin() + static_cast<std::ptrdiff_t>(at), dims.begin() + static_cast<std::ptrdiff_t>(at) + rank);
      at += static_cast<size_t>(rank);
    }
    return shapes;
  }

  int64_t token_, id_;
  std::vector<int64_t> inputBytes_, outputBytes_;
  std::vector<Shape> shapes_;
};

}  // namespace hokku
