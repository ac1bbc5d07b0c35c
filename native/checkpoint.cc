#include "checkpoint.h"

#include <cstring>
#include <filesystem>

#include "addon_data.h"
#include "model_scan.h"

namespace hokku {
namespace {

constexpr napi_type_tag kTag = {0x2b6d0c6f3b414f4a, 0x8f0e5c7d1a9b4e02};

std::string ReadName(Napi::Value value, const char* what) {
  if (!value.IsString()) Fail(Kind::kType, std::string("Expected a string as the name of a ") + what + ".");
  return value.As<Napi::String>();
}

/** A checkpoint without values is small: larger files need not be read for it. */
constexpr uintmax_t kNominalLimit = 64 << 20;

bool IsNominalFile(const std::string& path, const std::string& what) {
  std::error_code error;
  const auto size = std::filesystem::file_size(std::filesystem::path(NativePath(path)), error);
  if (error) Fail(Kind::kFileFormat, "The " + what + " cannot be read: " + error.message() + ".");
  return size <= kNominalLimit && IsNominalCheckpoint(ReadFile(path, what));
}

struct Info {
  ONNXTensorElementDataType type;
  std::vector<int64_t> shape;
};

Info InfoOf(const CheckpointCore& core, const std::string& name) {
  OrtTensorTypeAndShapeInfo* info = nullptr;
  Check(core.engine->api, core.engine->training->GetParameterTypeAndShape(core.state, name.c_str(), &info));
  Info read;
  try {
    TensorInfo(core.engine, info, read.type, read.shape);
  } catch (...) {
    core.engine->api->ReleaseTensorTypeAndShapeInfo(info);
    throw;
  }
  core.engine->api->ReleaseTensorTypeAndShapeInfo(info);
  return read;
}

const DType& DTypeOf(const Info& info, const std::string& name) {
  const DType* dtype = FindDType(info.type);
  if (dtype == nullptr) Fail(Kind::kType, "The element type of parameter '" + name + "' has no dtype here.");
  return *dtype;
}

}  // namespace

bool CheckpointCore::Has(const std::string& parameter) const {
  OrtTensorTypeAndShapeInfo* info = nullptr;
  OrtStatus* status = engine->training->GetParameterTypeAndShape(state, parameter.c_str(), &info);
  if (status != nullptr) {
    engine->api->ReleaseStatus(status);
    return false;
  }
  engine->api->ReleaseTensorTypeAndShapeInfo(info);
  return true;
}

std::shared_ptr<CheckpointCore> OpenCheckpoint(EngineCore* engine, Napi::Value source) {
  auto core = std::make_shared<CheckpointCore>();
  core->engine = engine;
  OrtStatus* status = nullptr;
  std::string what = "checkpoint";
  if (source.IsString()) {
    const std::string path = source.As<Napi::String>();
    what += " " + path;
    core->nominal = IsNominalFile(path, what);
    status = engine->training->LoadCheckpoint(NativePath(path).c_str(), &core->state);
  } else if (source.IsTypedArray() && source.As<Napi::TypedArray>().TypedArrayType() == napi_uint8_array) {
    const auto bytes = source.As<Napi::Uint8Array>();
    if (bytes.ByteLength() == 0) Fail(Kind::kFileFormat, "The checkpoint is empty.");
    core->nominal = IsNominalCheckpoint({bytes.Data(), bytes.ByteLength()});
    status = engine->training->LoadCheckpointFromBuffer(bytes.Data(), bytes.ByteLength(), &core->state);
  } else {
    Fail(Kind::kType, "Expected a checkpoint as Uint8Array or as the path of its file.");
  }
  if (status != nullptr) {
    auto failure = TakeStatus(engine->api, status);
    // Whatever the engine finds wrong here is wrong with the file.
    throw Failure{Kind::kFileFormat, "The " + what + " cannot be loaded: " + failure.message, {}};
  }
  return core;
}

Napi::Function Checkpoint::Define(Napi::Env env) {
  return DefineClass(env, "NativeCheckpoint", {
      InstanceAccessor<&Checkpoint::GetDisposed>("disposed"),
      InstanceMethod<&Checkpoint::Save>("save"),
      InstanceMethod<&Checkpoint::GetProperty>("getProperty"),
      InstanceMethod<&Checkpoint::AddProperty>("addProperty"),
      InstanceMethod<&Checkpoint::ParameterInfo>("parameterInfo"),
      InstanceMethod<&Checkpoint::GetParameter>("getParameter"),
      InstanceMethod<&Checkpoint::UpdateParameter>("updateParameter"),
      InstanceMethod<&Checkpoint::Dispose>("dispose"),
  });
}

Napi::Value Checkpoint::New(Napi::Env env, std::shared_ptr<CheckpointCore> core) {
  return AddonData::Of(env).checkpoint.New({Napi::External<std::shared_ptr<CheckpointCore>>::New(env, &core)});
}

Checkpoint::Checkpoint(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  Guard(info.Env(), [&] {
    if (!info[0].IsExternal()) Fail(Kind::kType, "Checkpoints are made by loadCheckpoint.");
    core_ = std::move(*info[0].As<Napi::External<std::shared_ptr<CheckpointCore>>>().Data());
    info.This().As<Napi::Object>().TypeTag(&kTag);
  });
}

std::shared_ptr<CheckpointCore> Checkpoint::CoreOf(Napi::Value value) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kTag)) Fail(Kind::kType, "Expected a checkpoint made by loadCheckpoint.");
  const auto& core = Unwrap(value.As<Napi::Object>())->core_;
  if (!core) Fail(Kind::kDisposed, "This checkpoint was disposed of.");
  return core;
}

const std::shared_ptr<CheckpointCore>& Checkpoint::Live(const Napi::CallbackInfo& info) const {
  RequireReceiver(info, kTag, "a checkpoint");
  if (!core_) Fail(Kind::kDisposed, "This checkpoint was disposed of.");
  return core_;
}

Napi::Value Checkpoint::GetDisposed(const Napi::CallbackInfo& info) {
  return Guard(info.Env(), [&] {
    RequireReceiver(info, kTag, "a checkpoint");
    return Napi::Boolean::New(info.Env(), !core_);
  });
}

Napi::Value Checkpoint::Save(const Napi::CallbackInfo& info) {
  return Guard(info.Env(), [&] {
    const auto core = Live(info);
    if (!info[0].IsString()) Fail(Kind::kType, "Expected a path to save the checkpoint to.");
    const std::string path = info[0].As<Napi::String>();
    const bool with_state = info[1].ToBoolean();
    std::lock_guard lock(core->mutex);
    Check(core->engine->api, core->engine->training->SaveCheckpoint(core->state, NativePath(path).c_str(), with_state));
    return info.Env().Undefined();
  });
}

Napi::Value Checkpoint::GetProperty(const Napi::CallbackInfo& info) {
  return Guard(info.Env(), [&]() -> Napi::Value {
    const auto env = info.Env();
    const auto core = Live(info);
    const auto* api = core->engine->api;
    const std::string name = ReadName(info[0], "property");
    OrtPropertyType type;
    void* value = nullptr;
    std::lock_guard lock(core->mutex);
    Check(api, core->engine->training->GetProperty(core->state, name.c_str(), core->engine->allocator, &type, &value));
    Napi::Value result;
    if (type == OrtIntProperty) {
      int64_t number;
      std::memcpy(&number, value, sizeof number);
      result = Napi::BigInt::New(env, number);
    } else if (type == OrtFloatProperty) {
      float number;
      std::memcpy(&number, value, sizeof number);
      result = Napi::Number::New(env, number);
    } else {
      result = Napi::String::New(env, static_cast<const char*>(value));
    }
    Check(api, api->AllocatorFree(core->engine->allocator, value));
    return result;
  });
}

Napi::Value Checkpoint::AddProperty(const Napi::CallbackInfo& info) {
  return Guard(info.Env(), [&] {
    const auto core = Live(info);
    const std::string name = ReadName(info[0], "property");
    int64_t integer = 0;
    float number = 0;
    std::string text;
    void* value = nullptr;
    OrtPropertyType type;
    if (info[1].IsBigInt()) {
      bool lossless = false;
      integer = info[1].As<Napi::BigInt>().Int64Value(&lossless);
      if (!lossless) Fail(Kind::kValue, "The property '" + name + "' does not fit into 64 bits.");
      type = OrtIntProperty;
      value = &integer;
    } else if (info[1].IsNumber()) {
      number = info[1].As<Napi::Number>().FloatValue();
      type = OrtFloatProperty;
      value = &number;
    } else if (info[1].IsString()) {
      text = info[1].As<Napi::String>();
      if (text.find('\0') != std::string::npos) Fail(Kind::kValue, "The property '" + name + "' holds a zero character, which the file cannot.");
      type = OrtStringProperty;
      value = text.data();
    } else {
      Fail(Kind::kType, "Expected a number, bigint or string as the property '" + name + "'.");
    }
    std::lock_guard lock(core->mutex);
    Check(core->engine->api, core->engine->training->AddProperty(core->state, name.c_str(), type, value));
    return info.Env().Undefined();
  });
}

Napi::Value Checkpoint::ParameterInfo(const Napi::CallbackInfo& info) {
  return Guard(info.Env(), [&] {
    const std::string name = ReadName(info[0], "parameter");
    const auto read = InfoOf(*Live(info), name);
    return WriteSpec(info.Env(), DTypeOf(read, name), read.shape);
  });
}

Napi::Value Checkpoint::GetParameter(const Napi::CallbackInfo& info) {
  return Guard(info.Env(), [&] {
    const auto core = Live(info);
    const std::string name = ReadName(info[0], "parameter");
    const auto read = InfoOf(*core, name);
    if (read.type != ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT) {
      Fail(Kind::kType, "The engine gives out only float32 parameters, but '" + name + "' is " + DTypeOf(read, name).name +
                            ": save the checkpoint and read it from the file.");
    }
    OrtValue* value = nullptr;
    std::lock_guard lock(core->mutex);
    Check(core->engine->api, core->engine->training->GetParameter(core->state, name.c_str(), core->engine->allocator, &value));
    const Tensor owner(core->engine->api, value);
    return CopyTensor(info.Env(), core->engine, value, "parameter '" + name + "'");
  });
}

Napi::Value Checkpoint::UpdateParameter(const Napi::CallbackInfo& info) {
  return Guard(info.Env(), [&] {
    const auto core = Live(info);
    const std::string name = ReadName(info[0], "parameter");
    const auto read = InfoOf(*core, name);
    Declared declared;
    declared.dtype = &DTypeOf(read, name);
    declared.has_shape = true;
    declared.shape = read.shape;
    const auto value = ReadTensor(core->engine, info[1], false, "parameter '" + name + "'", &declared);
    std::lock_guard lock(core->mutex);
    Check(core->engine->api, core->engine->training->UpdateParameter(core->state, name.c_str(), value.get()));
    return info.Env().Undefined();
  });
}

Napi::Value Checkpoint::Dispose(const Napi::CallbackInfo& info) {
  return Guard(info.Env(), [&] {
    RequireReceiver(info, kTag, "a checkpoint");
    core_.reset();
    return info.Env().Undefined();
  });
}

}  // namespace hokku
