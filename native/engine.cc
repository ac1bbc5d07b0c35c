#include "engine.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <mutex>

#include "addon_data.h"
#include "cuda.h"
#include "errors.h"
#include "library.h"
#include "session.h"
#include "training.h"

namespace hokku {
namespace {

constexpr napi_type_tag kTag = {0x3fa85c7164b24d41, 0xa1d09be3c7f52e06};

/** The middle number of "1.28.0" is the API version. */
int MinorVersion(const std::string& version) {
  const size_t dot = version.find('.');
  return dot == std::string::npos ? 0 : std::atoi(version.c_str() + dot + 1);
}

void MakeEnvironment(EngineCore& engine) {
  const auto* api = engine.api;
  OrtThreadingOptions* threads = nullptr;
  Check(api, api->CreateThreadingOptions(&threads));
  OrtStatus* status = api->SetGlobalInterOpNumThreads(threads, 1);
  if (status == nullptr) status = api->CreateEnvWithGlobalThreadPools(ORT_LOGGING_LEVEL_FATAL, "hokku", threads, &engine.env);
  api->ReleaseThreadingOptions(threads);
  Check(api, status);
  Check(api, api->DisableTelemetryEvents(engine.env));
}

/**
 * One arena for all sessions: with one for each, what a program needed once, such as the first values of parameters, stays
 * with its session for good.
 */
void ShareArena(EngineCore& engine) {
  // Refused where somebody else made the environment and gave it one: that one serves as well.
  OrtStatus* status = engine.api->CreateAndRegisterAllocator(engine.env, engine.cpu, nullptr);
  if (status != nullptr) engine.api->ReleaseStatus(status);
}

std::unique_ptr<EngineCore> Load(const std::string& path) {
  std::error_code missing;
  if (!std::filesystem::is_regular_file(std::filesystem::path(NativePath(path)), missing)) {
    Fail(Kind::kEngineNotFound, "There is no engine library at " + path + ".");
  }
  std::string error;
  void* library = OpenLibrary(path, error);
  if (library == nullptr) Fail(Kind::kEngineNotFound, "The engine library " + path + " cannot be loaded: " + error + ".");
  const auto get_base = reinterpret_cast<const OrtApiBase* (*)()>(FindSymbol(library, "OrtGetApiBase"));
  if (get_base == nullptr) {
    Fail(Kind::kEngineNotFound, "The library " + path + " is no ONNX Runtime: it does not export OrtGetApiBase.");
  }
  const OrtApiBase* base = get_base();
  auto engine = std::make_unique<EngineCore>();
  engine->path = path;
  engine->version = base->GetVersionString();
  // Asked before GetApi, which would write a line of its own to stderr.
  if (MinorVersion(engine->version) < HOKKU_ORT_API_VERSION) {
    Fail(Kind::kEngineNotFound, "The ONNX Runtime at " + path + " is version " + engine->version + "; hokku needs 1." +
                                    std::to_string(HOKKU_ORT_API_VERSION) + " or newer.");
  }
  engine->api = base->GetApi(HOKKU_ORT_API_VERSION);
  if (engine->api == nullptr) Fail(Kind::kEngineNotFound, "The ONNX Runtime at " + path + " gives no API of version " + std::to_string(HOKKU_ORT_API_VERSION) + ".");
  const auto* api = engine->api;
  engine->training = api->GetTrainingApi(HOKKU_ORT_API_VERSION);
  engine->build_info = api->GetBuildInfoString();
  char** providers = nullptr;
  int count = 0;
  Check(api, api->GetAvailableProviders(&providers, &count));
  engine->providers.assign(providers, providers + count);
  Check(api, api->ReleaseAvailableProviders(providers, count));
  MakeEnvironment(*engine);
  Check(api, api->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &engine->cpu));
  ShareArena(*engine);
  Check(api, api->GetAllocatorWithDefaultOptions(&engine->allocator));
  engine->operators = std::make_unique<OperatorDomains>(api);
  return engine;
}

}  // namespace

EngineCore* LoadEngine(const std::string& path) {
  static std::mutex mutex;
  // Never destroyed: at exit, threads of the engine may still be idle in it.
  static auto& engines = *new std::map<std::string, std::unique_ptr<EngineCore>>();
  std::error_code unresolved;
  const auto canonical = std::filesystem::weakly_canonical(std::filesystem::path(NativePath(path)), unresolved);
  const std::string key = unresolved ? path : canonical.string();
  std::lock_guard lock(mutex);
  auto& engine = engines[key];
  if (!engine) engine = Load(path);
  return engine.get();
}

std::string TakeString(EngineCore* engine, char* text) {
  std::string copy = text;
  Check(engine->api, engine->api->AllocatorFree(engine->allocator, text));
  return copy;
}

Napi::Function Engine::Define(Napi::Env env) {
  return DefineClass(env, "NativeEngine", {
      InstanceAccessor<&Engine::GetPath>("path"),
      InstanceAccessor<&Engine::GetVersion>("version"),
      InstanceAccessor<&Engine::GetApiVersion>("apiVersion"),
      InstanceAccessor<&Engine::GetTraining>("training"),
      InstanceAccessor<&Engine::GetProviders>("providers"),
      InstanceAccessor<&Engine::GetBuildInfo>("buildInfo"),
      InstanceAccessor<&Engine::GetSharedPool>("sharedThreadPool"),
      InstanceMethod<&Engine::CreateSession>("createSession"),
      InstanceMethod<&Engine::LoadCheckpoint>("loadCheckpoint"),
      InstanceMethod<&Engine::CreateTrainingSession>("createTrainingSession"),
      InstanceMethod<&Engine::SetSeed>("setSeed"),
      InstanceMethod<&Engine::Allocate>("allocate"),
  });
}

Engine::Engine(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  Guard(info.Env(), [&] {
    if (!info[0].IsString()) Fail(Kind::kType, "Expected the path of an ONNX Runtime library.");
    core_ = LoadEngine(info[0].As<Napi::String>());
    info.This().As<Napi::Object>().TypeTag(&kTag);
  });
}

EngineCore* Engine::Core(const Napi::CallbackInfo& info) const {
  RequireReceiver(info, kTag, "an engine");
  return core_;
}

EngineCore* Engine::CoreWithTraining(const Napi::CallbackInfo& info) const {
  EngineCore* core = Core(info);
  if (core->training != nullptr) return core;
  Fail(Kind::kEngine, "The engine at " + core->path + " was built without training: use the engine 'onnxruntime-training', which "
                      "`npm run setup` fetches where Maven is installed.", "NO_TRAINING");
}

Napi::Value Engine::GetPath(const Napi::CallbackInfo& info) {
  return Guard(info.Env(), [&] { return Napi::String::New(info.Env(), Core(info)->path); });
}
Napi::Value Engine::GetVersion(const Napi::CallbackInfo& info) {
  return Guard(info.Env(), [&] { return Napi::String::New(info.Env(), Core(info)->version); });
}
Napi::Value Engine::GetApiVersion(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), HOKKU_ORT_API_VERSION); }
Napi::Value Engine::GetTraining(const Napi::CallbackInfo& info) {
  return Guard(info.Env(), [&] { return Napi::Boolean::New(info.Env(), Core(info)->training != nullptr); });
}
Napi::Value Engine::GetBuildInfo(const Napi::CallbackInfo& info) {
  return Guard(info.Env(), [&] { return Napi::String::New(info.Env(), Core(info)->build_info); });
}
Napi::Value Engine::GetSharedPool(const Napi::CallbackInfo& info) {
  return Guard(info.Env(), [&] { return Napi::Boolean::New(info.Env(), Core(info)->shared_pool); });
}

Napi::Value Engine::GetProviders(const Napi::CallbackInfo& info) {
  return Guard(info.Env(), [&] {
    const auto& providers = Core(info)->providers;
    auto names = Napi::Array::New(info.Env(), providers.size());
    for (uint32_t i = 0; i < providers.size(); ++i) names.Set(i, providers[i]);
    return names;
  });
}

Napi::Value Engine::CreateSession(const Napi::CallbackInfo& info) {
  return Guard(info.Env(), [&] { return Session::New(info.Env(), MakeSession(Core(info), info[0], info[1])); });
}

Napi::Value Engine::LoadCheckpoint(const Napi::CallbackInfo& info) {
  return Guard(info.Env(), [&] { return Checkpoint::New(info.Env(), OpenCheckpoint(CoreWithTraining(info), info[0])); });
}

Napi::Value Engine::CreateTrainingSession(const Napi::CallbackInfo& info) {
  return Guard(info.Env(), [&] {
    return TrainingSession::New(info.Env(), MakeTrainingSession(CoreWithTraining(info), info[0], info[1], info[2]));
  });
}

Napi::Value Engine::SetSeed(const Napi::CallbackInfo& info) {
  return Guard(info.Env(), [&] {
    const EngineCore* core = CoreWithTraining(info);
    if (!info[0].IsNumber()) Fail(Kind::kType, "Expected a number as seed.");
    Check(core->api, core->training->SetSeed(info[0].As<Napi::Number>().Int64Value()));
    return info.Env().Undefined();
  });
}

Napi::Value Engine::Allocate(const Napi::CallbackInfo& info) {
  return Guard(info.Env(), [&] {
    const EngineCore* core = Core(info);
    const double bytes = info[0].IsNumber() ? info[0].As<Napi::Number>().DoubleValue() : -1;
    if (!(bytes >= 0) || bytes > 9007199254740991.0) Fail(Kind::kValue, "Expected a non-negative number of bytes to allocate.");
    const auto& providers = core->providers;
    if (std::find(providers.begin(), providers.end(), "CUDAExecutionProvider") == providers.end()) {
      Fail(Kind::kEngineNotFound, "The engine at " + core->path + " has no CUDA provider, so it cannot use GPU memory: fetch the GPU build with `node scripts/setup.mjs --gpu`.");
    }
    return DeviceBuffer::New(info.Env(), static_cast<size_t>(bytes), info[1].IsUndefined() ? 0 : info[1].ToNumber().Int32Value());
  });
}

}  // namespace hokku
