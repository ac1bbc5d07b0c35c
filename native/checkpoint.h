/** Checkpoint states of the training API: parameters, optimizer state and properties. */
#pragma once

#include <napi.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "tensors.h"

namespace hokku {

/** Outlives its sessions: each holds it, because the engine keeps only a raw pointer. */
struct CheckpointCore {
  EngineCore* engine = nullptr;
  OrtCheckpointState* state = nullptr;
  /** Sessions on one checkpoint share its parameters, and concurrent steps would race: one at a time. */
  std::mutex mutex;
  /** Has no values yet; some calls of the engine then crash. */
  std::atomic<bool> nominal{false};

  ~CheckpointCore() {
    if (state != nullptr) engine->training->ReleaseCheckpointState(state);
  }
  bool Has(const std::string& parameter) const;
};

std::shared_ptr<CheckpointCore> OpenCheckpoint(EngineCore* engine, Napi::Value source);

class Checkpoint : public Napi::ObjectWrap<Checkpoint> {
 public:
  static Napi::Function Define(Napi::Env env);
  static Napi::Value New(Napi::Env env, std::shared_ptr<CheckpointCore> core);
  /** Throws unless the value is a live checkpoint. */
  static std::shared_ptr<CheckpointCore> CoreOf(Napi::Value value);
  explicit Checkpoint(const Napi::CallbackInfo& info);

 private:
  Napi::Value GetDisposed(const Napi::CallbackInfo& info);
  Napi::Value Save(const Napi::CallbackInfo& info);
  Napi::Value GetProperty(const Napi::CallbackInfo& info);
  Napi::Value AddProperty(const Napi::CallbackInfo& info);
  Napi::Value ParameterInfo(const Napi::CallbackInfo& info);
  Napi::Value GetParameter(const Napi::CallbackInfo& info);
  Napi::Value UpdateParameter(const Napi::CallbackInfo& info);
  Napi::Value Dispose(const Napi::CallbackInfo& info);
  const std::shared_ptr<CheckpointCore>& Live(const Napi::CallbackInfo& info) const;

  std::shared_ptr<CheckpointCore> core_;
};

}  // namespace hokku
