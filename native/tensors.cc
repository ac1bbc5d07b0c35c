#include "tensors.h"

#include <cmath>
#include <cstring>

namespace hokku {
namespace {

constexpr DType kDTypes[] = {
    {"float32", ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, 4},     {"uint8", ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8, 1},
    {"int8", ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8, 1},         {"uint16", ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16, 2},
    {"int16", ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16, 2},       {"int32", ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32, 4},
    {"int64", ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64, 8},       {"bool", ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL, 1},
    {"float16", ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16, 2},   {"float64", ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE, 8},
    {"uint32", ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32, 4},     {"uint64", ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT64, 8},
    {"bfloat16", ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16, 2},
};

/** Empty tensors need an address too: ONNX Runtime refuses a null one. */
alignas(16) char g_nothing[16];

}  // namespace

const DType* FindDType(ONNXTensorElementDataType type) {
  for (const auto& dtype : kDTypes) {
    if (dtype.type == type) return &dtype;
  }
  return nullptr;
}

const DType& ReadDType(Napi::Value value, const std::string& what) {
  char name[16] = "";
  size_t length = 0;
  if (napi_get_value_string_utf8(value.Env(), value, name, sizeof name, &length) == napi_ok) {
    for (const auto& dtype : kDTypes) {
      if (std::strcmp(dtype.name, name) == 0) return dtype;
    }
  }
  std::vector<std::string> known;
  for (const auto& dtype : kDTypes) known.emplace_back(dtype.name);
  const std::string given = value.ToString();
  Fail(Kind::kType, "Expected a dtype for " + what + " but received '" + given + "'; the nearest is '" + Nearest(given, known) + "'.");
}

Spec ReadSpec(Napi::Value value, const std::string& what) {
  if (!value.IsObject()) Fail(Kind::kType, "Expected { dtype, shape } for " + what + ".");
  const auto object = value.As<Napi::Object>();
  Spec spec;
  spec.dtype = &ReadDType(object.Get("dtype"), what);
  const auto shape_value = object.Get("shape");
  if (!shape_value.IsArray()) Fail(Kind::kType, "Expected an array of integers as the shape of " + what + ".");
  const auto shape = shape_value.As<Napi::Array>();
  const uint32_t rank = shape.Length();
  double elements = 1;
  spec.shape.reserve(rank);
  for (uint32_t i = 0; i < rank; ++i) {
    const Napi::Value dimension = shape[i];
    const double size = dimension.IsNumber() ? dimension.As<Napi::Number>().DoubleValue() : -1;
    if (!(size >= 0) || size != std::floor(size)) {
      Fail(Kind::kShape, "Expected a non-negative integer as dimension " + std::to_string(i) + " of " + what +
                             " but received " + dimension.ToString().Utf8Value() + ".");
    }
    elements *= size;
    spec.shape.push_back(static_cast<int64_t>(size));
  }
  if (elements > 9007199254740991.0 / 8) Fail(Kind::kShape, "The shape of " + what + " has too many elements.");
  spec.bytes = static_cast<size_t>(elements) * spec.dtype->size;
  return spec;
}

Napi::Object WriteSpec(Napi::Env env, const DType& dtype, const std::vector<int64_t>& shape) {
  auto object = Napi::Object::New(env);
  auto dimensions = Napi::Array::New(env, shape.size());
  for (uint32_t i = 0; i < shape.size(); ++i) dimensions.Set(i, static_cast<double>(shape[i]));
  object.Set("dtype", dtype.name);
  object.Set("shape", dimensions);
  return object;
}

std::string ShapeText(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i == 0 ? "" : ",") + std::to_string(shape[i]);
  return text + "]";
}

Memory ReadMemory(napi_env env, napi_value value) {
  Memory memory;
  if (napi_get_arraybuffer_info(env, value, &memory.data, &memory.bytes) == napi_ok) return memory;
  memory.device = DeviceBuffer::MemoryOf(Napi::Value(env, value));
  if (memory.device) {
    memory.data = memory.device->data;
    memory.bytes = memory.device->bytes;
  }
  return memory;
}

void CheckMemory(napi_env env, napi_value raw, const Memory& memory, size_t expected, bool cuda, const std::string& what) {
  if (memory.device) {
    if (!cuda) Fail(Kind::kType, "Expected CPU memory for " + what + " but received GPU memory: make the session with device 'cuda', or copy it.");
  } else {
    const Napi::Value value(env, raw);
    if (!value.IsArrayBuffer()) {
      if (DeviceBuffer::Is(value)) Fail(Kind::kDisposed, "The GPU memory of " + what + " was disposed of.");
      const bool view = value.IsTypedArray() || value.IsDataView();
      Fail(Kind::kType, "Expected an ArrayBuffer or DeviceBuffer for " + what + " but received " +
                            (view ? "a view of one: pass its buffer." : "something else (shared buffers are copied first)."));
    }
    bool detached = false;
    napi_is_detached_arraybuffer(env, raw, &detached);
    if (detached) Fail(Kind::kDisposed, "The ArrayBuffer of " + what + " is detached: its memory was given to somebody else.", "DETACHED");
  }
  if (memory.bytes != expected) {
    Fail(Kind::kShape, "Expected " + std::to_string(expected) + " bytes for " + what + " but received " + std::to_string(memory.bytes) + ".");
  }
}

void RefuseResizable(Napi::Value value, const std::string& what) {
  if (value.IsArrayBuffer() && value.As<Napi::Object>().Get("resizable").ToBoolean()) {
    Fail(Kind::kType, "Expected memory of a fixed size for " + what + " but received a resizable ArrayBuffer: copy it.");
  }
}

Tensor MakeView(EngineCore* engine, const Spec& spec, const Memory& memory) {
  OrtValue* value = nullptr;
  void* data = memory.data != nullptr ? memory.data : g_nothing;
  const OrtMemoryInfo* place = memory.device ? memory.device->Place(engine) : engine->cpu;
  Check(engine->api, engine->api->CreateTensorWithDataAsOrtValue(place, data, spec.bytes, spec.shape.data(), spec.shape.size(),
                                                                 spec.dtype->type, &value));
  return {engine->api, value};
}

void CheckDeclared(const Declared& declared, const Spec& spec, const std::string& what) {
  if (declared.known && declared.dtype == nullptr) Fail(Kind::kType, "The model declares " + what + " as strings, which hokku does not carry.");
  if (declared.dtype != nullptr && declared.dtype != spec.dtype) {
    Fail(Kind::kType, "Expected dtype " + std::string(declared.dtype->name) + " for " + what + " but received " + spec.dtype->name + ".");
  }
  if (!declared.has_shape) return;
  bool fits = declared.shape.size() == spec.shape.size();
  for (size_t i = 0; fits && i < spec.shape.size(); ++i) fits = declared.shape[i] < 0 || declared.shape[i] == spec.shape[i];
  if (!fits) Fail(Kind::kShape, "Expected shape " + ShapeText(declared.shape) + " for " + what + " (-1 is any size) but received " + ShapeText(spec.shape) + ".");
}

Tensor ReadTensor(EngineCore* engine, Napi::Value value, bool cuda, const std::string& what, const Declared* declared,
                 std::shared_ptr<DeviceMemory>* device) {
  const Spec spec = ReadSpec(value, what);
  if (declared != nullptr) CheckDeclared(*declared, spec, what);
  const auto data = value.As<Napi::Object>().Get("data");
  Memory memory = ReadMemory(value.Env(), data);
  CheckMemory(value.Env(), data, memory, spec.bytes, cuda, what);
  auto view = MakeView(engine, spec, memory);
  if (device != nullptr) *device = std::move(memory.device);
  return view;
}

void TensorInfo(EngineCore* engine, const OrtTensorTypeAndShapeInfo* info, ONNXTensorElementDataType& type, std::vector<int64_t>& shape) {
  const auto* api = engine->api;
  size_t rank = 0;
  Check(api, api->GetTensorElementType(info, &type));
  Check(api, api->GetDimensionsCount(info, &rank));
  shape.resize(rank);
  Check(api, api->GetDimensions(info, shape.data(), rank));
}

Napi::Object CopyTensor(Napi::Env env, EngineCore* engine, OrtValue* value, const std::string& what) {
  const auto* api = engine->api;
  ONNXType kind = ONNX_TYPE_UNKNOWN;
  Check(api, api->GetValueType(value, &kind));
  if (kind != ONNX_TYPE_TENSOR) Fail(Kind::kType, "Expected a tensor as " + what + " but the model gives a sequence, map or optional.");
  ONNXTensorElementDataType type;
  const int64_t* dimensions = nullptr;
  size_t rank = 0;
  Check(api, api->GetTensorElementTypeAndShapeDataReference(value, &type, &dimensions, &rank));
  const DType* dtype = FindDType(type);
  if (dtype == nullptr) Fail(Kind::kType, "The element type of " + what + " (ONNX number " + std::to_string(type) + ") has no dtype here.");
  const std::vector<int64_t> shape(dimensions, dimensions + rank);
  size_t bytes = dtype->size;
  for (const int64_t size : shape) bytes *= static_cast<size_t>(size);
  auto tensor = WriteSpec(env, *dtype, shape);
  auto buffer = Napi::ArrayBuffer::New(env, bytes);
  if (bytes > 0) {
    void* data = nullptr;
    Check(api, api->GetTensorMutableData(value, &data));
    std::memcpy(buffer.Data(), data, bytes);
  }
  tensor.Set("data", buffer);
  return tensor;
}

void Call::Adopt(const OrtApi* api) {
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].get() == nullptr && raw_outputs[i] != nullptr) outputs[i] = Tensor(api, raw_outputs[i]);
  }
}

Call ReadCall(EngineCore* engine, const Napi::CallbackInfo& info, const std::vector<Declared>& inputs,
              const std::vector<Declared>& outputs, bool cuda, bool asynchronous) {
  if (!info[0].IsArray()) Fail(Kind::kType, "Expected an array of tensors as the inputs of a run.");
  const auto given_inputs = info[0].As<Napi::Array>();
  if (given_inputs.Length() != inputs.size()) {
    Fail(Kind::kValue, "Expected " + std::to_string(inputs.size()) + " inputs but received " + std::to_string(given_inputs.Length()) + ".");
  }
  const bool with_outputs = !info[1].IsUndefined() && !info[1].IsNull();
  if (with_outputs && (!info[1].IsArray() || info[1].As<Napi::Array>().Length() > outputs.size())) {
    Fail(Kind::kValue, "Expected at most " + std::to_string(outputs.size()) + " outputs, in an array.");
  }
  Call call;
  const auto read = [&](Napi::Value tensor, const Declared& declared, const std::string& what) {
    std::shared_ptr<DeviceMemory> device;
    auto view = ReadTensor(engine, tensor, cuda, what, &declared, &device);
    if (asynchronous) RefuseResizable(tensor.As<Napi::Object>().Get("data"), what);
    if (device) call.devices.push_back(std::move(device));
    return view;
  };
  for (uint32_t i = 0; i < inputs.size(); ++i) {
    call.inputs.push_back(read(given_inputs[i], inputs[i], "input '" + inputs[i].name + "'"));
    call.raw_inputs.push_back(call.inputs.back().get());
  }
  for (uint32_t i = 0; i < outputs.size(); ++i) {
    Napi::Value given = info.Env().Undefined();
    if (with_outputs) given = info[1].As<Napi::Array>().Get(i);
    const bool absent = given.IsUndefined() || given.IsNull();
    call.outputs.push_back(absent ? Tensor() : read(given, outputs[i], "output '" + outputs[i].name + "'"));
    call.raw_outputs.push_back(call.outputs.back().get());
  }
  return call;
}

Napi::Array PinTensors(const Napi::CallbackInfo& info) {
  auto pins = Napi::Array::New(info.Env());
  auto memory = Napi::Array::New(info.Env());
  auto given = Napi::Array::New(info.Env());
  uint32_t count = 0;
  for (size_t list = 0; list < 2; ++list) {
    if (!info[list].IsArray()) continue;
    const auto tensors = info[list].As<Napi::Array>();
    for (uint32_t i = 0; i < tensors.Length(); ++i) {
      const Napi::Value tensor = tensors[i];
      if (list == 1) given.Set(i, tensor);
      if (tensor.IsObject()) memory.Set(count++, tensor.As<Napi::Object>().Get("data"));
    }
  }
  pins.Set(0u, memory);
  pins.Set(1u, given);
  return pins;
}

Napi::Value WriteResults(Napi::Env env, EngineCore* engine, const Call& call, Napi::Value given, const std::vector<Declared>& outputs) {
  auto results = Napi::Array::New(env, call.outputs.size());
  for (uint32_t i = 0; i < call.outputs.size(); ++i) {
    Napi::Value tensor = env.Undefined();
    if (given.IsArray()) tensor = given.As<Napi::Array>().Get(i);
    if (tensor.IsUndefined() || tensor.IsNull()) {
      tensor = CopyTensor(env, engine, call.outputs[i].get(), "output '" + outputs[i].name + "'");
    }
    results.Set(i, tensor);
  }
  return results;
}

}  // namespace hokku
