// hokku.Sequence: several small fused nodes and products as one. Between nodes the engine needs about a microsecond, which is more
// than many of them take.
#pragma once

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "../kernels/context.h"
#include "../kernels/fused.h"
#include "../kernels/scratch.h"
#include "product.h"
#include "signature.h"

namespace hokku {

// Memory for what lies between steps: given piece by piece, taken back all at once.
class Pieces {
 public:
  void clear() { used_ = chunk_ = 0; }
  void* take(size_t bytes) {
    constexpr size_t kLine = 16, kLeast = size_t{1} << 14;
    const size_t floats = ceilDiv(bytes, kLine * sizeof(float)) * kLine;
    while (chunk_ < chunks_.size() && used_ + floats > chunks_[chunk_].size) chunk_++, used_ = 0;
    if (chunk_ == chunks_.size()) chunks_.push_back({{}, std::max(floats, kLeast)});
    float* piece = chunks_[chunk_].memory.floats(chunks_[chunk_].size) + used_;
    used_ += floats;
    return piece;
  }

 private:
  // Of so many floats, in cache lines.
  struct Chunk {
    Scratch memory;
    size_t size;
  };
  std::vector<Chunk> chunks_;
  size_t chunk_ = 0, used_ = 0;
};

struct SequenceOp : Variadic {
  static constexpr const char* kName = "Sequence";

  // `steps`: how many there are; of each, 0 for a fused node or 1 for a product, how many values it reads and which, how many it
  // makes, and how many integers it is told and those: a program, or transA, transB, relu and masked. Values are the node's inputs,
  // then what the steps make, in their order. `outputs`: the values that the node puts out.
  SequenceOp(const OrtApi* api, const OrtKernelInfo* info) {
    size_t outputs = 0;
    check(api->KernelInfo_GetOutputCount(info, &outputs));
    types_ = inputTypes(api, info);
    inputs_ = types_.size();
    const std::vector<int64_t> code = intsAttribute(api, info, "steps");
    size_t at = 0;
    const auto next = [&] {
      if (at == code.size()) fail("its steps end too early");
      return code[at++];
    };
    const auto count = [&] {
      const int64_t n = next();
      if (n < 0 || static_cast<size_t>(n) > code.size()) fail("a count is out of range");
      return static_cast<size_t>(n);
    };
    for (size_t left = count(); left > 0; left--) {
      const int64_t kind = next();
      Step step;
      std::vector<int64_t> types;
      step.inputs.resize(count());
      for (size_t& value : step.inputs) {
        const int64_t i = next();
        if (i < 0 || static_cast<size_t>(i) >= types_.size()) fail("a step reads a value that is not there");
        value = static_cast<size_t>(i);
        types.push_back(types_[value]);
      }
      const size_t made = count();
      std::vector<int64_t> told(count());
      for (int64_t& x : told) x = next();
      step.first = types_.size();
      if (kind == 0) {
        step.call = std::make_unique<Fused>(told, types, made);
        for (const auto& type : std::get<0>(step.call)->program().outputs) types_.push_back(static_cast<int64_t>(type.value_or(Dtype::Bool)));
      } else {
        if (kind != 1 || told.size() != 4 || made != 1 || types.size() < 2 || types.size() - 2 - (told[3] != 0) > 1) fail("a step is none that it knows");
        for (const int64_t type : types) if (type != ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT) fail("a product reads something else than float32");
        step.call = ProductCall{told[0] != 0, told[1] != 0, told[2] != 0, told[3] != 0, types.size() == 3u + (told[3] != 0)};
        types_.push_back(ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT);
      }
      steps_.push_back(std::move(step));
    }
    slots_.assign(types_.size(), -1);
    const std::vector<int64_t> put = intsAttribute(api, info, "outputs");
    if (put.size() != outputs) fail("its outputs are not as many as it is told");
    for (size_t i = 0; i < put.size(); i++) {
      if (put[i] < static_cast<int64_t>(inputs_) || put[i] >= static_cast<int64_t>(types_.size())) fail("an output is none of its values");
      slots_[static_cast<size_t>(put[i])] = static_cast<int64_t>(i);
      if (hokku::outputType(api, info, i) != types_[static_cast<size_t>(put[i])]) fail("an output has another element type than what it makes");
    }
  }

  void compute(const OrtApi* api, OrtKernelContext* context) const {
    ContextHost host(api, context);
    State& state = stateOfThread();
    state.pieces.clear();
    state.values.resize(types_.size());
    if (state.shapes.size() < types_.size()) state.shapes.resize(types_.size());
    for (size_t i = 0; i < inputs_; i++) state.values[i] = host.input(i);
    StepHost within(*this, host, state);
    for (const Step& step : steps_) {
      state.inputs.clear();
      for (const size_t value : step.inputs) state.inputs.push_back(state.values[value]);
      within.first = step.first;
      if (const auto* fused = std::get_if<std::unique_ptr<Fused>>(&step.call)) (*fused)->run(state.inputs, within);
      else std::get<ProductCall>(step.call).run(state.inputs, within);
    }
  }

  // What goes out is declared by whoever writes the node.
  static void infer(const Inference&) {}

 private:
  struct Step {
    std::vector<size_t> inputs;
    size_t first = 0;
    std::variant<std::unique_ptr<Fused>, ProductCall> call;
  };

  // Kept between runs: a step of few elements takes about as long as the allocations would.
  struct State {
    Pieces pieces;
    std::vector<Tensor> values, inputs;
    std::vector<Shape> shapes;
  };
  static State& stateOfThread() {
    thread_local State kept;
    return kept;
  }

  struct StepHost : Host {
    const SequenceOp& op;
    ContextHost& node;
    State& state;
    size_t first = 0;

    StepHost(const SequenceOp& op_, ContextHost& node_, State& state_) : op(op_), node(node_), state(state_) {}
    void* output(size_t index, std::span<const int64_t> shape) override {
      const size_t value = first + index;
      const int64_t slot = op.slots_[value];
      Shape& kept = state.shapes[value];
      kept.assign(shape.begin(), shape.end());
      void* data = slot < 0 ? state.pieces.take(elementCount(shape) * elementSize(static_cast<Dtype>(op.types_[value]))) : node.output(static_cast<size_t>(slot), shape);
      state.values[value] = {data, kept};
      return data;
    }
    void parallelFor(void (*task)(void*, size_t), size_t total, void* data) override { node.parallelFor(task, total, data); }
  };

  [[noreturn]] static void fail(const char* what) { throw std::invalid_argument("hokku.Sequence: " + std::string(what)); }

  std::vector<Step> steps_;
  size_t inputs_ = 0;
  // Of every value: its element type; which output it is, or -1.
  std::vector<int64_t> types_, slots_;
};

}  // namespace hokku
