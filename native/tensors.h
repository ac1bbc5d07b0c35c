/** Tensors between JavaScript and ONNX Runtime: dtypes, memory, and values that are only views of it. */
#pragma once

#include <napi.h>

#include <memory>
#include <string>
#include <vector>

#include "cuda.h"
#include "engine.h"
#include "errors.h"

namespace hokku {

struct DType {
  const char* name;
  ONNXTensorElementDataType type;
  size_t size;
};

/** Null where hokku has no such dtype. */
const DType* FindDType(ONNXTensorElementDataType type);
const DType& ReadDType(Napi::Value value, const std::string& what);

/** dtype and shape of a tensor, and the bytes that it takes. */
struct Spec {
  const DType* dtype = nullptr;
  std::vector<int64_t> shape;
  size_t bytes = 0;
};

/** One input or output as the model declares it. */
struct Declared {
  std::string name;
  /** Null: a string tensor, or (where `known` is false) nobody says. */
  const DType* dtype = nullptr;
  bool known = false;
  bool has_shape = false;
  std::vector<int64_t> shape;
  /** Names of the dimensions that are not fixed, empty for the others. */
  std::vector<std::string> symbols;
};

Spec ReadSpec(Napi::Value value, const std::string& what);
/** Throws where the tensor cannot be what the model declares. */
void CheckDeclared(const Declared& declared, const Spec& spec, const std::string& what);
Napi::Object WriteSpec(Napi::Env env, const DType& dtype, const std::vector<int64_t>& shape);
std::string ShapeText(const std::vector<int64_t>& shape);

/** Where a tensor's bytes are; `device` keeps GPU memory alive, JavaScript references keep ArrayBuffers alive. */
struct Memory {
  void* data = nullptr;
  size_t bytes = 0;
  std::shared_ptr<DeviceMemory> device;
};

/** Only the bounds; `CheckMemory` says what is wrong with them. */
Memory ReadMemory(napi_env env, napi_value value);
/** Throws unless the memory is whole, of `expected` bytes, and on a device that the session can reach. */
void CheckMemory(napi_env env, napi_value value, const Memory& memory, size_t expected, bool cuda, const std::string& what);
/** Memory that may shrink under a running step is refused. */
void RefuseResizable(Napi::Value value, const std::string& what);

/** Owns an OrtValue. */
class Tensor {
 public:
  Tensor() = default;
  Tensor(const OrtApi* api, OrtValue* value) : api_(api), value_(value) {}
  Tensor(Tensor&& other) noexcept : api_(other.api_), value_(other.value_) { other.value_ = nullptr; }
  Tensor& operator=(Tensor&& other) noexcept {
    std::swap(api_, other.api_);
    std::swap(value_, other.value_);
    return *this;
  }
  ~Tensor() {
    if (value_ != nullptr) api_->ReleaseValue(value_);
  }
  OrtValue* get() const { return value_; }

 private:
  const OrtApi* api_ = nullptr;
  OrtValue* value_ = nullptr;
};

/** A view of memory; never owns it. */
Tensor MakeView(EngineCore* engine, const Spec& spec, const Memory& memory);
/** Reads `{ dtype, shape, data }`, checks it, and makes a view. */
Tensor ReadTensor(EngineCore* engine, Napi::Value value, bool cuda, const std::string& what, const Declared* declared = nullptr,
                 std::shared_ptr<DeviceMemory>* device = nullptr);
/** A tensor that the engine allocated, copied into an ArrayBuffer of its own. */
Napi::Object CopyTensor(Napi::Env env, EngineCore* engine, OrtValue* value, const std::string& what);
void TensorInfo(EngineCore* engine, const OrtTensorTypeAndShapeInfo* info, ONNXTensorElementDataType& type, std::vector<int64_t>& shape);

/** The tensors of one call: views of what was given, and null where the engine allocates. */
struct Call {
  std::vector<Tensor> inputs;
  std::vector<Tensor> outputs;
  std::vector<OrtValue*> raw_inputs;
  std::vector<OrtValue*> raw_outputs;
  std::vector<std::shared_ptr<DeviceMemory>> devices;

  /** Takes over what the engine allocated. */
  void Adopt(const OrtApi* api);
};

Call ReadCall(EngineCore* engine, const Napi::CallbackInfo& info, const std::vector<Declared>& inputs,
              const std::vector<Declared>& outputs, bool cuda, bool asynchronous);
/** What a run in flight keeps alive: `[[memory, …], [given output or null, …]]`. */
Napi::Array PinTensors(const Napi::CallbackInfo& info);
/** The call's results: given tensors as they are, the others as copies. */
Napi::Value WriteResults(Napi::Env env, EngineCore* engine, const Call& call, Napi::Value given, const std::vector<Declared>& outputs);

}  // namespace hokku
