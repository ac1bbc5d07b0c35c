/** Sessions: any model on any engine. */
#pragma once

#include <napi.h>

#include <memory>
#include <string>
#include <vector>

#include "tensors.h"

namespace hokku {

struct SessionCore {
  EngineCore* engine = nullptr;
  OrtSession* session = nullptr;
  std::vector<Declared> inputs, outputs;
  std::vector<const char*> input_names, output_names;
  bool cuda = false;
  bool interruptible = true;
  bool profiling = false;
  /** What the collector is told. */
  int64_t bytes = 0;

  ~SessionCore() {
    if (session != nullptr) engine->api->ReleaseSession(session);
  }
};

std::shared_ptr<SessionCore> MakeSession(EngineCore* engine, Napi::Value model, Napi::Value options);

/** Owns an OrtRunOptions; asynchronous runs are stopped through it. */
class RunOptions {
 public:
  explicit RunOptions(EngineCore* engine) : engine_(engine) { Check(engine->api, engine->api->CreateRunOptions(&options_)); }
  ~RunOptions() { engine_->api->ReleaseRunOptions(options_); }
  RunOptions(const RunOptions&) = delete;
  const OrtRunOptions* get() const { return options_; }
  void Terminate() {
    if (OrtStatus* status = engine_->api->RunOptionsSetTerminate(options_)) engine_->api->ReleaseStatus(status);
  }

 private:
  EngineCore* engine_;
  OrtRunOptions* options_ = nullptr;
};

class Session : public Napi::ObjectWrap<Session> {
 public:
  static Napi::Function Define(Napi::Env env);
  static Napi::Value New(Napi::Env env, std::shared_ptr<SessionCore> core);
  explicit Session(const Napi::CallbackInfo& info);
  void Finalize(Napi::BasicEnv env) override;

 private:
  Napi::Value GetInputs(const Napi::CallbackInfo& info);
  Napi::Value GetOutputs(const Napi::CallbackInfo& info);
  Napi::Value GetDisposed(const Napi::CallbackInfo& info);
  Napi::Value Run(const Napi::CallbackInfo& info);
  Napi::Value RunAsync(const Napi::CallbackInfo& info);
  Napi::Value Bind(const Napi::CallbackInfo& info);
  Napi::Value EndProfiling(const Napi::CallbackInfo& info);
  Napi::Value Dispose(const Napi::CallbackInfo& info);
  const std::shared_ptr<SessionCore>& Live(const Napi::CallbackInfo& info) const;

  std::shared_ptr<SessionCore> core_;
  int64_t bytes_ = 0;
};

}  // namespace hokku
