// What the engine hands to an operator, as our kernels want it: inputs, outputs, threads, attributes, inferred shapes.
#pragma once

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "../ort_api.h"
#include "access.h"
#include "host.h"

namespace hokku {

// A status of the engine's own on its way back to the engine.
struct StatusError {
  OrtStatus* status;
};

inline void check(OrtStatus* status) {
  if (status) throw StatusError{status};
}

// No exception may leave a function that the engine calls.
template <class F>
OrtStatus* guarded(const OrtApi* api, F f) {
  try {
    f();
    return nullptr;
  } catch (const StatusError& error) {
    return error.status;
  } catch (const std::invalid_argument& error) {
    return api->CreateStatus(ORT_INVALID_ARGUMENT, error.what());
  } catch (const std::exception& error) {
    return api->CreateStatus(ORT_RUNTIME_EXCEPTION, error.what());
  }
}

class ContextHost : public Host {
 public:
  ContextHost(const OrtApi* api, OrtKernelContext* context) : api_(api), context_(context) {}

  void* output(size_t index, std::span<const int64_t> shape) override {
    OrtValue* value = nullptr;
    check(api_->KernelContext_GetOutput(context_, index, shape.data(), shape.size(), &value));
    if (!value) throw std::invalid_argument("output " + std::to_string(index) + " has no name");
    void* data = nullptr;
    check(api_->GetTensorMutableData(value, &data));
    return data;
  }

  void parallelFor(void (*task)(void*, size_t), size_t total, void* data) override {
    check(api_->KernelContext_ParallelFor(context_, task, total, 0, data));
  }

  Tensor input(size_t index, ONNXTensorElementDataType* type = nullptr) {
    const OrtValue* value = nullptr;
    check(api_->KernelContext_GetInput(context_, index, &value));
    if (!value) throw std::invalid_argument("input " + std::to_string(index) + " is missing");
    ONNXTensorElementDataType got;
    const int64_t* shape = nullptr;
    size_t rank = 0;
    Tensor tensor{};
    check(api_->GetTensorElementTypeAndShapeDataReference(value, &got, &shape, &rank));
    check(api_->GetTensorData(value, &tensor.data));
    tensor.shape = {shape, rank};
    if (type) *type = got;
    return tensor;
  }

 private:
  const OrtApi* api_;
  OrtKernelContext* context_;
};

// Whether the third input is a bias, where so many inputs follow it.
inline bool hasBias(const OrtApi* api, const OrtKernelInfo* info, size_t following = 0) {
  size_t inputs = 0;
  check(api->KernelInfo_GetInputCount(info, &inputs));
  return inputs == 3 + following;
}

// An input with a number for each column.
inline const float* columnsOf(const Tensor& x, int64_t columns, const char* name, const char* what) {
  if (x.shape.size() != 1 || x.shape[0] != columns) throw std::invalid_argument("hokku." + std::string(name) + ": " + what + " does not fit");
  return static_cast<const float*>(x.data);
}

// An input of the result's shape.
inline const float* alikeOf(const Tensor& x, std::span<const int64_t> shape, const char* name, const char* what) {
  if (!std::ranges::equal(x.shape, shape)) throw std::invalid_argument("hokku." + std::string(name) + ": " + what + " does not fit");
  return static_cast<const float*>(x.data);
}

inline int64_t intAttribute(const OrtApi* api, const OrtKernelInfo* info, const char* name) {
  int64_t value = 0;
  check(api->KernelInfoGetAttribute_int64(info, name, &value));
  return value;
}

inline std::vector<int64_t> intsAttribute(const OrtApi* api, const OrtKernelInfo* info, const char* name) {
  size_t size = 0;
  check(api->KernelInfoGetAttributeArray_int64(info, name, nullptr, &size));
  std::vector<int64_t> values(size);
  check(api->KernelInfoGetAttributeArray_int64(info, name, values.data(), &size));
  return values;
}

// What is known of a tensor while the graph is built.
struct InferredShape {
  int64_t type = 0;
  // -1 where only a name, or nothing, is known.
  Shape dims;
  std::vector<std::string> names;
  bool known = true;
};

class Inference {
 public:
  Inference(const OrtApi* api, OrtShapeInferContext* context) : api_(api), context_(context) {}

  size_t inputCount() const {
    size_t count = 0;
    check(api_->ShapeInferContext_GetInputCount(context_, &count));
    return count;
  }

  InferredShape input(size_t index) const {
    OrtTensorTypeAndShapeInfo* info = nullptr;
    check(api_->ShapeInferContext_GetInputTypeShape(context_, index, &info));
    InferredShape shape;
    ONNXTensorElementDataType type;
    check(api_->GetTensorElementType(info, &type));
    shape.type = type;
    shape.known = api_->TensorTypeAndShape_HasShape(info);
    size_t rank = 0;
    check(api_->GetDimensionsCount(info, &rank));
    shape.dims.resize(rank);
    check(api_->GetDimensions(info, shape.dims.data(), rank));
    std::vector<const char*> names(rank);
    check(api_->GetSymbolicDimensions(info, names.data(), rank));
    for (const char* name : names) shape.names.emplace_back(name ? name : "");
    return shape;
  }

  void setOutput(size_t index, const InferredShape& shape) const {
    OrtTensorTypeAndShapeInfo* info = nullptr;
    check(api_->CreateTensorTypeAndShapeInfo(&info));
    const std::unique_ptr<OrtTensorTypeAndShapeInfo, void (*)(OrtTensorTypeAndShapeInfo*)> owner(
        info, api_->ReleaseTensorTypeAndShapeInfo);
    check(api_->SetTensorElementType(info, static_cast<ONNXTensorElementDataType>(shape.type)));
    check(api_->SetDimensions(info, shape.dims.data(), shape.dims.size()));
    if (!shape.names.empty()) {
      std::vector<const char*> names;
      for (const std::string& name : shape.names) names.push_back(name.c_str());
      check(api_->SetSymbolicDimensions(info, names.data(), names.size()));
    }
    check(api_->ShapeInferContext_SetOutputTypeShape(context_, index, info));
  }

  std::vector<int64_t> ints(const char* name) const { return attribute(name, ORT_OP_ATTR_INTS); }
  int64_t integer(const char* name) const { return attribute(name, ORT_OP_ATTR_INT).at(0); }

 private:
  std::vector<int64_t> attribute(const char* name, OrtOpAttrType type) const {
    const OrtOpAttr* attr = nullptr;
    check(api_->ShapeInferContext_GetAttribute(context_, name, &attr));
    size_t bytes = 0;
    // Too small a buffer is an error that says the size.
    if (OrtStatus* status = api_->ReadOpAttr(attr, type, nullptr, 0, &bytes)) api_->ReleaseStatus(status);
    std::vector<int64_t> values(bytes / sizeof(int64_t));
    if (!values.empty()) check(api_->ReadOpAttr(attr, type, values.data(), bytes, &bytes));
    return values;
  }

  const OrtApi* api_;
  OrtShapeInferContext* context_;
};

// Numpy broadcasting where dimensions may be names. Ill-fitting ones are left to the run, which can say more.
inline InferredShape broadcastInferred(const InferredShape& a, const InferredShape& b) {
  if (a.dims.size() < b.dims.size()) return broadcastInferred(b, a);
  InferredShape out = a;
  out.known = a.known && b.known;
  const size_t skip = a.dims.size() - b.dims.size();
  for (size_t i = 0; i < b.dims.size(); i++) {
    int64_t& dim = out.dims[skip + i];
    std::string& name = out.names[skip + i];
    if (b.dims[i] == 1 || (dim == b.dims[i] && name == b.names[i]) || dim > 1) continue;
    if (dim == 1 || b.dims[i] > 1) {
      dim = b.dims[i];
      name = b.names[i];
    } else {
      dim = -1;
      name.clear();
    }
  }
  return out;
}

inline int64_t typeOf(const OrtApi* api, OrtTypeInfo* info) {
  const std::unique_ptr<OrtTypeInfo, void (*)(OrtTypeInfo*)> owner(info, api->ReleaseTypeInfo);
  const OrtTensorTypeAndShapeInfo* tensor = nullptr;
  check(api->CastTypeInfoToTensorInfo(info, &tensor));
  ONNXTensorElementDataType type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  if (tensor) check(api->GetTensorElementType(tensor, &type));
  return type;
}

inline std::vector<int64_t> inputTypes(const OrtApi* api, const OrtKernelInfo* info) {
  size_t inputs = 0;
  check(api->KernelInfo_GetInputCount(info, &inputs));
  std::vector<int64_t> types(inputs);
  for (size_t i = 0; i < inputs; i++) {
    OrtTypeInfo* type = nullptr;
    check(api->KernelInfo_GetInputTypeInfo(info, i, &type));
    types[i] = typeOf(api, type);
  }
  return types;
}

inline int64_t outputType(const OrtApi* api, const OrtKernelInfo* info, size_t output) {
  OrtTypeInfo* type = nullptr;
  check(api->KernelInfo_GetOutputTypeInfo(info, output, &type));
  return typeOf(api, type);
}

}  // namespace hokku
