/** Session options: read from JavaScript, refused where misspelt, and built for one engine. */
#pragma once

#include <napi.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine.h"
#include "errors.h"

namespace hokku {

struct SessionConfig {
  bool cuda = false;
  int device_id = 0;
  GraphOptimizationLevel level = ORT_ENABLE_ALL;
  std::string optimized_model_path;
  std::string profile_prefix;
  std::optional<int> threads;
  bool deterministic = false;
  bool interruptible = true;
  bool shrink_first = false;
  /** Training sessions refuse the engine's arena and have their own; on a GPU there is little for it. */
  bool shared_arena = false;
  std::vector<std::pair<std::string, std::string>> entries;
  /** Which of our own operators the model may use. */
  OperatorSet operators = kAllOperators;
};

SessionConfig ReadSessionConfig(Napi::Value value);

/** Owns an OrtSessionOptions. */
class Options {
 public:
  Options(EngineCore* engine, const SessionConfig& config);
  ~Options();
  Options(const Options&) = delete;
  const OrtSessionOptions* get() const { return options_; }

 private:
  void Fill(const SessionConfig& config);
  void AppendCuda(int device_id);

  EngineCore* engine_;
  OrtSessionOptions* options_ = nullptr;
};

/** `create(options)` once more with a pool of the session's own where the environment turns out to have no shared one. */
template <class Create>
void CreateWithOptions(EngineCore* engine, const SessionConfig& config, Create&& create) {
  for (;;) {
    const Options options(engine, config);
    const bool shared = engine->shared_pool;
    OrtStatus* status = create(options.get());
    if (status == nullptr) return;
    const bool no_pool = std::string(engine->api->GetErrorMessage(status)).find("CreateEnvWithGlobalThreadPools") != std::string::npos;
    auto failure = TakeStatus(engine->api, status);
    if (!shared || !no_pool) throw failure;
    engine->shared_pool = false;
  }
}

}  // namespace hokku
