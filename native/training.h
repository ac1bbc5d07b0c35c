/** Training sessions over training artifacts: `OrtTrainingApi`, with every call guarded that would crash. */
#pragma once

#include <napi.h>

#include <memory>
#include <string>
#include <vector>

#include "checkpoint.h"

namespace hokku {

struct TrainingCore {
  EngineCore* engine = nullptr;
  std::shared_ptr<CheckpointCore> checkpoint;
  OrtTrainingSession* session = nullptr;
  /** The engine reads it again when it exports, unless it has a file. */
  std::vector<uint8_t> eval_model;
  std::vector<Declared> train_inputs, train_outputs, eval_inputs, eval_outputs;
  /** A parameter whose shape the model does not fix; empty where there is none. */
  std::string unshaped_parameter;
  bool has_optimizer = false;
  bool cuda = false;

  ~TrainingCore() {
    if (session == nullptr) return;
    // Closing one session changes the checkpoint under the others.
    std::lock_guard lock(checkpoint->mutex);
    engine->training->ReleaseTrainingSession(session);
  }
};

std::shared_ptr<TrainingCore> MakeTrainingSession(EngineCore* engine, Napi::Value checkpoint, Napi::Value models, Napi::Value options);

class TrainingSession : public Napi::ObjectWrap<TrainingSession> {
 public:
  static Napi::Function Define(Napi::Env env);
  static Napi::Value New(Napi::Env env, std::shared_ptr<TrainingCore> core);
  explicit TrainingSession(const Napi::CallbackInfo& info);

 private:
  Napi::Value GetTrainInputs(const Napi::CallbackInfo& info);
  Napi::Value GetTrainOutputs(const Napi::CallbackInfo& info);
  Napi::Value GetEvalInputs(const Napi::CallbackInfo& info);
  Napi::Value GetEvalOutputs(const Napi::CallbackInfo& info);
  Napi::Value GetDisposed(const Napi::CallbackInfo& info);
  Napi::Value GetLearningRate(const Napi::CallbackInfo& info);
  void SetLearningRate(const Napi::CallbackInfo& info, const Napi::Value& value);
  Napi::Value TrainStep(const Napi::CallbackInfo& info);
  Napi::Value TrainStepAsync(const Napi::CallbackInfo& info);
  Napi::Value EvalStep(const Napi::CallbackInfo& info);
  Napi::Value EvalStepAsync(const Napi::CallbackInfo& info);
  Napi::Value LazyResetGrad(const Napi::CallbackInfo& info);
  Napi::Value OptimizerStep(const Napi::CallbackInfo& info);
  Napi::Value OptimizerStepAsync(const Napi::CallbackInfo& info);
  Napi::Value RegisterLinearLRScheduler(const Napi::CallbackInfo& info);
  Napi::Value SchedulerStep(const Napi::CallbackInfo& info);
  Napi::Value ParametersSize(const Napi::CallbackInfo& info);
  Napi::Value CopyParametersToBuffer(const Napi::CallbackInfo& info);
  Napi::Value CopyBufferToParameters(const Napi::CallbackInfo& info);
  Napi::Value ExportModelForInferencing(const Napi::CallbackInfo& info);
  Napi::Value Dispose(const Napi::CallbackInfo& info);
  const std::shared_ptr<TrainingCore>& Live(const Napi::CallbackInfo& info) const;
  Napi::Value Step(const Napi::CallbackInfo& info, bool train);
  Napi::Value StepAsync(const Napi::CallbackInfo& info, bool train);

  std::shared_ptr<TrainingCore> core_;
};

}  // namespace hokku
