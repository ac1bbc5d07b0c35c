/** A loaded ONNX Runtime: one per file and process, never unloaded. */
#pragma once

#include <napi.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "operators.h"
#include "ort_api.h"

namespace hokku {

struct EngineCore {
  std::string path;
  std::string version;
  std::string build_info;
  std::vector<std::string> providers;
  const OrtApi* api = nullptr;
  /** Null where the library was built without training. */
  const OrtTrainingApi* training = nullptr;
  OrtEnv* env = nullptr;
  OrtMemoryInfo* cpu = nullptr;
  OrtAllocator* allocator = nullptr;
  std::unique_ptr<OperatorDomains> operators;
  /**
   * False once it shows that the environment was made by somebody else, who gave it no global thread pools: then each
   * session brings a small pool of its own.
   */
  std::atomic<bool> shared_pool{true};
};

/** Loads the library, or returns it where it is loaded already. Throws Failure. */
EngineCore* LoadEngine(const std::string& path);

/** ONNX Runtime's strings come from its allocator. */
std::string TakeString(EngineCore* engine, char* text);

#ifdef _WIN32
std::wstring NativePath(const std::string& utf8);
#else
inline const std::string& NativePath(const std::string& utf8) { return utf8; }
#endif

class Engine : public Napi::ObjectWrap<Engine> {
 public:
  static Napi::Function Define(Napi::Env env);
  explicit Engine(const Napi::CallbackInfo& info);

 private:
  Napi::Value GetPath(const Napi::CallbackInfo& info);
  Napi::Value GetVersion(const Napi::CallbackInfo& info);
  Napi::Value GetApiVersion(const Napi::CallbackInfo& info);
  Napi::Value GetTraining(const Napi::CallbackInfo& info);
  Napi::Value GetProviders(const Napi::CallbackInfo& info);
  Napi::Value GetBuildInfo(const Napi::CallbackInfo& info);
  Napi::Value GetSharedPool(const Napi::CallbackInfo& info);
  Napi::Value CreateSession(const Napi::CallbackInfo& info);
  Napi::Value LoadCheckpoint(const Napi::CallbackInfo& info);
  Napi::Value CreateTrainingSession(const Napi::CallbackInfo& info);
  Napi::Value SetSeed(const Napi::CallbackInfo& info);
  Napi::Value Allocate(const Napi::CallbackInfo& info);
  EngineCore* Core(const Napi::CallbackInfo& info) const;
  EngineCore* CoreWithTraining(const Napi::CallbackInfo& info) const;

  EngineCore* core_;
};

}  // namespace hokku
