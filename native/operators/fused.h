// hokku.Fused: elementwise loops, sums and in-place stores as one node.
#pragma once

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "../kernels/context.h"
#include "../kernels/fused.h"
#include "signature.h"

namespace hokku {

struct FusedOp : Variadic {
  static constexpr const char* kName = "Fused";

  FusedOp(const OrtApi* api, const OrtKernelInfo* info) : kernel_(make(api, info)) {}

  static Fused make(const OrtApi* api, const OrtKernelInfo* info) {
    size_t outputs = 0;
    check(api->KernelInfo_GetOutputCount(info, &outputs));
    return Fused(intsAttribute(api, info, "program"), inputTypes(api, info), outputs);
  }

  void checkOutputs(const OrtApi* api, const OrtKernelInfo* info) const {
    const auto& outputs = kernel_.program().outputs;
    for (size_t i = 0; i < outputs.size(); i++) {
      const auto expected = static_cast<int64_t>(outputs[i].value_or(Dtype::Bool));
      const int64_t got = hokku::outputType(api, info, i);
      if (got == expected) continue;
      throw std::invalid_argument("output " + std::to_string(i) + " of hokku.Fused has element type " +
                                  std::to_string(got) + ", its program makes " + std::to_string(expected));
    }
  }

  void compute(const OrtApi* api, OrtKernelContext* context) const {
    ContextHost host(api, context);
    size_t count = 0;
    check(api->KernelContext_GetInputCount(context, &count));
    thread_local std::vector<Tensor> inputs;
    inputs.resize(count);
    for (size_t i = 0; i < count; i++) inputs[i] = host.input(i);
    kernel_.run(inputs, host);
  }

  static void infer(const Inference& inference) {
    std::vector<InferredShape> inputs(inference.inputCount());
    std::vector<int64_t> types;
    for (size_t i = 0; i < inputs.size(); i++) {
      inputs[i] = inference.input(i);
      types.push_back(inputs[i].type);
    }
    // How many outputs there are is not told here: as many as the program stores.
    const std::vector<int64_t> code = inference.ints("program");
    const Program program = parseProgram(code, types, code.size());
    std::vector<InferredShape> outputs(program.outputs.size());
    for (const Loop& loop : program.loops) {
      InferredShape shape;
      for (const size_t load : loop.loads) {
        shape = broadcastInferred(shape, load < inputs.size() ? inputs[load] : outputs[load - inputs.size()]);
      }
      for (const Store& store : loop.stores) {
        if (store.kind == StoreKind::InPlace) continue;
        InferredShape output;
        if (store.kind == StoreKind::Output) output = shape;
        if (sumsAxes(store.kind)) {
          output = shape;
          const auto axes = static_cast<std::ptrdiff_t>(std::min(store.axes, shape.dims.size()));
          const auto from = store.kind == StoreKind::Columns ? 0 : static_cast<std::ptrdiff_t>(shape.dims.size()) - axes;
          output.names.resize(output.dims.size());
          output.dims.erase(output.dims.begin() + from, output.dims.begin() + from + axes);
          output.names.erase(output.names.begin() + from, output.names.begin() + from + axes);
          if (store.kind == StoreKind::KeptRows) {
            output.dims.resize(shape.dims.size(), 1);
            output.names.resize(shape.dims.size());
          }
        }
        output.type = static_cast<int64_t>(loop.types[store.reg]);
        if (output.known) inference.setOutput(store.index, output);
        outputs[store.index] = std::move(output);
      }
    }
    const auto last = std::find_if(program.outputs.rbegin(), program.outputs.rend(), [](auto& o) { return o.has_value(); });
    const size_t stored = static_cast<size_t>(program.outputs.rend() - last);
    InferredShape token;
    token.type = ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL;
    token.dims = {1};
    token.names = {""};
    for (size_t i = 0; i < std::max<size_t>(stored, 1); i++) {
      if (!program.outputs[i]) inference.setOutput(i, token);
    }
  }

 private:
  Fused kernel_;
};

}  // namespace hokku
