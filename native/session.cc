#include "session.h"

#include "addon_data.h"
#include "binding.h"
#include "model_scan.h"
#include "options.h"

namespace hokku {
namespace {

constexpr napi_type_tag kTag = {0x5b1f0d7c4a2e4e11, 0x8a6c3d5e7f901b03};

/** A session of an empty model costs about this much. */
constexpr int64_t kSessionBytes = 80 * 1024;

Declared Describe(EngineCore* engine, OrtTypeInfo* type_info, std::string name, const char* what) {
  const auto* api = engine->api;
  const auto release = [api](OrtTypeInfo* info) { api->ReleaseTypeInfo(info); };
  const std::unique_ptr<OrtTypeInfo, decltype(release)> owner(type_info, release);
  Declared declared;
  declared.name = std::move(name);
  declared.known = true;
  const OrtTensorTypeAndShapeInfo* info = nullptr;
  ONNXType kind = ONNX_TYPE_UNKNOWN;
  Check(api, api->GetOnnxTypeFromTypeInfo(type_info, &kind));
  Check(api, api->CastTypeInfoToTensorInfo(type_info, &info));
  if (kind != ONNX_TYPE_TENSOR || info == nullptr) {
    Fail(Kind::kType, std::string("Expected only tensors, but the model's ") + what + " '" + declared.name + "' is a sequence, map, sparse tensor or optional.");
  }
  ONNXTensorElementDataType type;
  TensorInfo(engine, info, type, declared.shape);
  declared.dtype = FindDType(type);
  if (declared.dtype == nullptr && type != ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING) {
    Fail(Kind::kType, std::string("The element type of the model's ") + what + " '" + declared.name + "' (ONNX number " + std::to_string(type) + ") has no dtype here.");
  }
  declared.has_shape = api->TensorTypeAndShape_HasShape(info);
  std::vector<const char*> symbols(declared.shape.size());
  Check(api, api->GetSymbolicDimensions(info, symbols.data(), symbols.size()));
  for (const char* symbol : symbols) declared.symbols.emplace_back(symbol != nullptr ? symbol : "");
  return declared;
}

void DescribeAll(SessionCore& core) {
  auto* engine = core.engine;
  const auto* api = engine->api;
  size_t inputs = 0;
  size_t outputs = 0;
  Check(api, api->SessionGetInputCount(core.session, &inputs));
  Check(api, api->SessionGetOutputCount(core.session, &outputs));
  char* name = nullptr;
  OrtTypeInfo* type = nullptr;
  for (size_t i = 0; i < inputs; ++i) {
    Check(api, api->SessionGetInputName(core.session, i, engine->allocator, &name));
    auto text = TakeString(engine, name);
    Check(api, api->SessionGetInputTypeInfo(core.session, i, &type));
    core.inputs.push_back(Describe(engine, type, std::move(text), "input"));
  }
  for (size_t i = 0; i < outputs; ++i) {
    Check(api, api->SessionGetOutputName(core.session, i, engine->allocator, &name));
    auto text = TakeString(engine, name);
    Check(api, api->SessionGetOutputTypeInfo(core.session, i, &type));
    core.outputs.push_back(Describe(engine, type, std::move(text), "output"));
  }
  for (const auto& one : core.inputs) core.input_names.push_back(one.name.c_str());
  for (const auto& one : core.outputs) core.output_names.push_back(one.name.c_str());
}

Napi::Value WriteDeclared(Napi::Env env, const std::vector<Declared>& all) {
  auto list = Napi::Array::New(env, all.size());
  for (uint32_t i = 0; i < all.size(); ++i) {
    const auto& declared = all[i];
    auto one = Napi::Object::New(env);
    one.Set("name", declared.name);
    one.Set("dtype", declared.dtype != nullptr ? declared.dtype->name : "string");
    if (declared.has_shape) {
      auto shape = Napi::Array::New(env, declared.shape.size());
      for (uint32_t d = 0; d < declared.shape.size(); ++d) {
        if (declared.symbols[d].empty()) {
          shape.Set(d, static_cast<double>(declared.shape[d]));
        } else {
          shape.Set(d, declared.symbols[d]);
        }
      }
      one.Set("shape", shape);
    } else {
      one.Set("shape", env.Null());
    }
    list.Set(i, one);
  }
  return list;
}

}  // namespace

std::shared_ptr<SessionCore> MakeSession(EngineCore* engine, Napi::Value model, Napi::Value options) {
  SessionConfig config = ReadSessionConfig(options);
  config.shared_arena = !config.cuda;
  auto core = std::make_shared<SessionCore>();
  core->engine = engine;
  core->cuda = config.cuda;
  core->interruptible = config.interruptible;
  core->shrinks = config.shrink_first && !config.cuda;
  core->profiling = !config.profile_prefix.empty();
  core->bytes = kSessionBytes;
  const auto* api = engine->api;
  if (model.IsString()) {
    const std::string path = model.As<Napi::String>();
    CreateWithOptions(engine, config, [&](const OrtSessionOptions* built) {
      return api->CreateSession(engine->env, NativePath(path).c_str(), built, &core->session);
    });
  } else if (model.IsTypedArray() && model.As<Napi::TypedArray>().TypedArrayType() == napi_uint8_array) {
    const auto bytes = model.As<Napi::Uint8Array>();
    core->bytes += static_cast<int64_t>(bytes.ByteLength());
    config.operators = OperatorsOf({bytes.Data(), bytes.ByteLength()});
    CreateWithOptions(engine, config, [&](const OrtSessionOptions* built) {
      return api->CreateSessionFromArray(engine->env, bytes.Data(), bytes.ByteLength(), built, &core->session);
    });
  } else {
    Fail(Kind::kType, "Expected a model as Uint8Array or as the path of its file.");
  }
  DescribeAll(*core);
  return core;
}

Napi::Function Session::Define(Napi::Env env) {
  return DefineClass(env, "NativeSession", {
      InstanceAccessor<&Session::GetInputs>("inputs"),
      InstanceAccessor<&Session::GetOutputs>("outputs"),
      InstanceAccessor<&Session::GetDisposed>("disposed"),
      InstanceMethod<&Session::Run>("run"),
      InstanceMethod<&Session::RunAsync>("runAsync"),
      InstanceMethod<&Session::Bind>("bind"),
      InstanceMethod<&Session::EndProfiling>("endProfiling"),
      InstanceMethod<&Session::Dispose>("dispose"),
  });
}

Napi::Value Session::New(Napi::Env env, std::shared_ptr<SessionCore> core) {
  return AddonData::Of(env).session.New({Napi::External<std::shared_ptr<SessionCore>>::New(env, &core)});
}

Session::Session(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  Guard(info.Env(), [&] {
    if (!info[0].IsExternal()) Fail(Kind::kType, "Sessions are made by createSession.");
    core_ = std::move(*info[0].As<Napi::External<std::shared_ptr<SessionCore>>>().Data());
    bytes_ = core_->bytes;
    info.This().As<Napi::Object>().TypeTag(&kTag);
    Napi::MemoryManagement::AdjustExternalMemory(info.Env(), bytes_);
  });
}

void Session::Finalize(Napi::BasicEnv env) { Napi::MemoryManagement::AdjustExternalMemory(env, -bytes_); }

const std::shared_ptr<SessionCore>& Session::Live(const Napi::CallbackInfo& info) const {
  RequireReceiver(info, kTag, "a session");
  if (!core_) Fail(Kind::kDisposed, "This session was disposed of.");
  return core_;
}

Napi::Value Session::GetInputs(const Napi::CallbackInfo& info) {
  return Guard(info.Env(), [&] { return WriteDeclared(info.Env(), Live(info)->inputs); });
}

Napi::Value Session::GetOutputs(const Napi::CallbackInfo& info) {
  return Guard(info.Env(), [&] { return WriteDeclared(info.Env(), Live(info)->outputs); });
}

Napi::Value Session::GetDisposed(const Napi::CallbackInfo& info) {
  return Guard(info.Env(), [&] {
    RequireReceiver(info, kTag, "a session");
    return Napi::Boolean::New(info.Env(), !core_);
  });
}

Napi::Value Session::Run(const Napi::CallbackInfo& info) {
  return Guard(info.Env(), [&] {
    const auto core = Live(info);
    auto call = ReadCall(core->engine, info, core->inputs, core->outputs, core->cuda, false);
    const auto* api = core->engine->api;
    const BlockingRunOptions options(*core);
    OrtStatus* status = api->Run(core->session, options.get(), core->input_names.data(), call.raw_inputs.data(), call.raw_inputs.size(),
                                 core->output_names.data(), call.raw_outputs.size(), call.raw_outputs.data());
    call.Adopt(api);
    Check(api, status);
    return WriteResults(info.Env(), core->engine, call, info[1], core->outputs);
  });
}

Napi::Value Session::RunAsync(const Napi::CallbackInfo& info) {
  return GuardAsync(info.Env(), [&] {
    const auto env = info.Env();
    const auto core = Live(info);
    auto call = std::make_shared<Call>(ReadCall(core->engine, info, core->inputs, core->outputs, core->cuda, true));
    auto options = std::make_shared<RunOptions>(core->engine);
    if (core->shrinks.exchange(false)) options->Shrink();
    auto& queue = AddonData::Of(env).QueueOf(env, core->engine);
    auto job = queue.NewJob(env, PinTensors(info));
    job->work = [core, call, options] {
      const auto* api = core->engine->api;
      OrtStatus* status = api->Run(core->session, options->get(), core->input_names.data(), call->raw_inputs.data(),
                                   call->raw_inputs.size(), core->output_names.data(), call->raw_outputs.size(), call->raw_outputs.data());
      call->Adopt(api);
      Check(api, status);
    };
    job->finish = [core, call](Napi::Env env, Napi::Array pins) {
      return WriteResults(env, core->engine, *call, pins.Get(1u), core->outputs);
    };
    if (core->interruptible) job->interrupt = [options] { options->Terminate(); };
    return queue.Submit(env, std::move(job), info[2]);
  });
}

Napi::Value Session::Bind(const Napi::CallbackInfo& info) {
  return Guard(info.Env(), [&] { return Binding::New(info.Env(), Live(info), info[0], info[1]); });
}

Napi::Value Session::EndProfiling(const Napi::CallbackInfo& info) {
  return Guard(info.Env(), [&] {
    const auto& core = Live(info);
    if (!core->profiling) Fail(Kind::kValue, "This session does not profile: give it the option profilePrefix.");
    char* path = nullptr;
    Check(core->engine->api, core->engine->api->SessionEndProfiling(core->session, core->engine->allocator, &path));
    core->profiling = false;
    return Napi::String::New(info.Env(), TakeString(core->engine, path));
  });
}

Napi::Value Session::Dispose(const Napi::CallbackInfo& info) {
  return Guard(info.Env(), [&] {
    RequireReceiver(info, kTag, "a session");
    // A run in flight keeps the core: it is released when the last one has ended.
    core_.reset();
    if (bytes_ != 0) Napi::MemoryManagement::AdjustExternalMemory(info.Env(), -std::exchange(bytes_, 0));
    return info.Env().Undefined();
  });
}

}  // namespace hokku
