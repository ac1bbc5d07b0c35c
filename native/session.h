/** Sessions: any model on any engine. */
#pragma once

#include <napi.h>

#include <atomic>
#include <memory>
#include <optional>
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
  /** Until the first run of a session that gives its memory back after that one. */
  std::atomic<bool> shrinks{false};
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
  /** Gives the arena's free memory back to the system after the run. */
  void Shrink() { Check(engine_->api, engine_->api->AddRunConfigEntry(options_, "memory.enable_memory_arena_shrinkage", "cpu:0")); }
  void Terminate() {
    if (OrtStatus* status = engine_->api->RunOptionsSetTerminate(options_)) engine_->api->ReleaseStatus(status);
  }

 private:
  EngineCore* engine_;
  OrtRunOptions* options_ = nullptr;
};

/** A run that blocks needs options only where it is the first of a session with `shrinkFirst`. */
class BlockingRunOptions {
 public:
  explicit BlockingRunOptions(SessionCore& session) {
    if (!session.shrinks.load(std::memory_order_relaxed) || !session.shrinks.exchange(false)) return;
    options_.emplace(session.engine);
    options_->Shrink();
  }
  const OrtRunOptions* get() const { return options_ ? options_->get() : nullptr; }

 private:
  std::optional<RunOptions> options_;
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
