// What an operator tells the engine of its inputs and outputs.
#pragma once

#include <cstddef>

#include "../ort_api.h"

namespace hokku {

constexpr ONNXTensorElementDataType kAnyType = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;

// So many inputs and outputs (any number, each of any type, where `Variadic`), of one type each side.
template <size_t Inputs, size_t Outputs, ONNXTensorElementDataType In = kAnyType, ONNXTensorElementDataType Out = In, bool Variadic = false>
struct Signature {
  static constexpr size_t kInputs = Inputs, kOutputs = Outputs;
  static constexpr bool kVariadic = Variadic;
  static ONNXTensorElementDataType inputType(size_t) { return In; }
  static ONNXTensorElementDataType outputType(size_t) { return Out; }
};
using Variadic = Signature<1, 1, kAnyType, kAnyType, true>;

}  // namespace hokku
