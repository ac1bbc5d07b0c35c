#include "options.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "errors.h"

namespace hokku {
namespace {

const std::vector<std::string> kKnown = {"device",        "deviceId",          "graphOptimizationLevel", "optimizedModelPath", "profilePrefix",
                                         "deterministic", "intraOpNumThreads", "config",                 "interruptible", "shrinkFirst"};

int ReadInteger(Napi::Value value, const std::string& name, int minimum) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  if (number < minimum || number > 65535 || number != static_cast<int>(number)) {
    Fail(Kind::kValue, "Expected an integer from " + std::to_string(minimum) + " for the session option " + name + " but received " +
                           value.ToString().Utf8Value() + ".");
  }
  return static_cast<int>(number);
}

std::string ReadString(Napi::Value value, const std::string& name) {
  if (!value.IsString()) Fail(Kind::kType, "Expected a string for the session option " + name + ".");
  return value.As<Napi::String>();
}

bool ReadBoolean(Napi::Value value, const std::string& name) {
  if (!value.IsBoolean()) Fail(Kind::kType, "Expected true or false for the session option " + name + ".");
  return value.As<Napi::Boolean>();
}

/** Errors reach the caller as exceptions; ONNX Runtime's own lines on stderr are for people who ask. */
int LogLevel() {
  static const bool debug = [] {
    const char* sections = std::getenv("NODE_DEBUG");
    return sections != nullptr && std::strstr(sections, "hokku") != nullptr;
  }();
  return debug ? ORT_LOGGING_LEVEL_WARNING : ORT_LOGGING_LEVEL_FATAL;
}

}  // namespace

SessionConfig ReadSessionConfig(Napi::Value value) {
  SessionConfig config;
  if (value.IsUndefined() || value.IsNull()) return config;
  if (!value.IsObject()) Fail(Kind::kType, "Expected an object as session options.");
  const auto object = value.As<Napi::Object>();
  const auto names = object.GetPropertyNames();
  for (uint32_t i = 0; i < names.Length(); ++i) {
    const std::string name = Napi::Value(names[i]).ToString();
    const Napi::Value option = object.Get(name);
    if (std::find(kKnown.begin(), kKnown.end(), name) == kKnown.end()) {
      Fail(Kind::kValue, "There is no session option '" + name + "'; the nearest is '" + Nearest(name, kKnown) + "'.");
    }
    if (option.IsUndefined()) continue;
    if (name == "device") {
      const std::string device = ReadString(option, name);
      if (device != "cpu" && device != "cuda") {
        Fail(Kind::kValue, "There is no device '" + device + "'; the devices are 'cpu' and 'cuda', the nearest is '" + Nearest(device, {"cpu", "cuda"}) + "'.");
      }
      config.cuda = device == "cuda";
    } else if (name == "deviceId") {
      config.device_id = ReadInteger(option, name, 0);
    } else if (name == "graphOptimizationLevel") {
      const int level = ReadInteger(option, name, 0);
      if (level > 3 && level != 99) Fail(Kind::kValue, "Expected 0, 1, 2, 3 or 99 for the session option graphOptimizationLevel.");
      config.level = static_cast<GraphOptimizationLevel>(level);
    } else if (name == "optimizedModelPath") {
      config.optimized_model_path = ReadString(option, name);
    } else if (name == "profilePrefix") {
      config.profile_prefix = ReadString(option, name);
    } else if (name == "intraOpNumThreads") {
      config.threads = ReadInteger(option, name, 1);
    } else if (name == "deterministic") {
      config.deterministic = ReadBoolean(option, name);
    } else if (name == "interruptible") {
      config.interruptible = ReadBoolean(option, name);
    } else if (name == "shrinkFirst") {
      config.shrink_first = ReadBoolean(option, name);
    } else {
      if (!option.IsObject()) Fail(Kind::kType, "Expected an object of strings for the session option config.");
      const auto entries = option.As<Napi::Object>();
      const auto keys = entries.GetPropertyNames();
      for (uint32_t k = 0; k < keys.Length(); ++k) {
        const std::string key = Napi::Value(keys[k]).ToString();
        config.entries.emplace_back(key, ReadString(entries.Get(key), "config['" + key + "']"));
      }
    }
  }
  return config;
}

Options::Options(EngineCore* engine, const SessionConfig& config) : engine_(engine) {
  Check(engine->api, engine->api->CreateSessionOptions(&options_));
  try {
    Fill(config);
  } catch (...) {
    engine->api->ReleaseSessionOptions(options_);
    throw;
  }
}

Options::~Options() { engine_->api->ReleaseSessionOptions(options_); }

void Options::Fill(const SessionConfig& config) {
  const auto* api = engine_->api;
  Check(api, api->SetSessionGraphOptimizationLevel(options_, config.level));
  Check(api, api->SetSessionLogSeverityLevel(options_, LogLevel()));
  Check(api, api->SetDeterministicCompute(options_, config.deterministic));
  if (!config.optimized_model_path.empty()) {
    Check(api, api->SetOptimizedModelFilePath(options_, NativePath(config.optimized_model_path).c_str()));
  }
  if (!config.profile_prefix.empty()) Check(api, api->EnableProfiling(options_, NativePath(config.profile_prefix).c_str()));
  if (config.threads) {
    Check(api, api->SetIntraOpNumThreads(options_, *config.threads));
  } else if (engine_->shared_pool) {
    Check(api, api->DisablePerSessionThreads(options_));
  } else {
    // Many sessions may live at once: a pool of every core for each would be hundreds of threads.
    Check(api, api->SetIntraOpNumThreads(options_, static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1u, 4u))));
  }
  Check(api, api->SetInterOpNumThreads(options_, 1));
  if (config.shared_arena) Check(api, api->AddSessionConfigEntry(options_, "session.use_env_allocators", "1"));
  for (const auto& [key, value] : config.entries) Check(api, api->AddSessionConfigEntry(options_, key.c_str(), value.c_str()));
  OrtCustomOpDomain* operators = nullptr;
  Check(api, engine_->operators->Get(config.operators, &operators));
  if (operators != nullptr) Check(api, api->AddCustomOpDomain(options_, operators));
  if (config.cuda) AppendCuda(config.device_id);
}

void Options::AppendCuda(int device_id) {
  const auto* api = engine_->api;
  OrtCUDAProviderOptionsV2* cuda = nullptr;
  OrtStatus* status = api->CreateCUDAProviderOptions(&cuda);
  const std::string id = std::to_string(device_id);
  // TF32 keeps ten bits of a float32's mantissa: whoever asks for float32 is to get it.
  const char* keys[] = {"device_id", "use_tf32"};
  const char* values[] = {id.c_str(), "0"};
  if (status == nullptr) status = api->UpdateCUDAProviderOptions(cuda, keys, values, 2);
  if (status == nullptr) status = api->SessionOptionsAppendExecutionProvider_CUDA_V2(options_, cuda);
  if (cuda != nullptr) api->ReleaseCUDAProviderOptions(cuda);
  if (status == nullptr) return;
  auto failure = TakeStatus(api, status);
  failure.message = "The engine at " + engine_->path + " cannot use CUDA (" + failure.message +
                    "): use the training engine's GPU build (node scripts/setup.mjs --gpu) with CUDA 13 and cuDNN 9 on the loader's path.";
  throw failure;
}

}  // namespace hokku
