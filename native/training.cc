#include "training.h"

#include "addon_data.h"

namespace hokku {
namespace {

constexpr napi_type_tag kTag = {0x77e0c2a95d6b4c21, 0xb3f41e6a8d2c5f04};

Napi::Value WriteNames(Napi::Env env, const std::vector<Declared>& all) {
  auto names = Napi::Array::New(env, all.size());
  for (uint32_t i = 0; i < all.size(); ++i) names.Set(i, all[i].name);
  return names;
}

/** The engine crashes on these where the checkpoint has no values yet. */
void RequireValues(const TrainingCore& core, const char* what) {
  if (core.checkpoint->nominal) {
    Fail(Kind::kEngine, std::string("The checkpoint has no values yet: call copyBufferToParameters for all parameters before ") + what + ".", "FAIL");
  }
}

/** The engine crashes on these where a parameter's size is not known. */
void RequireShapes(const TrainingCore& core) {
  if (core.unshaped_parameter.empty()) return;
  Fail(Kind::kEngine, "The train model does not fix the shape of parameter '" + core.unshaped_parameter + "', so the parameters have no common size.", "INVALID_GRAPH");
}

void RequireEval(const TrainingCore& core) {
  if (core.eval_inputs.empty() && core.eval_outputs.empty()) Fail(Kind::kValue, "This training session was made without an eval model.");
}

size_t SizeOf(const TrainingCore& core, bool trainable_only) {
  size_t elements = 0;
  Check(core.engine->api, core.engine->training->GetParametersSize(core.session, &elements, trainable_only));
  return elements;
}

/** One flat float32 tensor over the memory. */
Tensor FlatView(const TrainingCore& core, void* data, size_t elements) {
  static const DType& float32 = *FindDType(ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT);
  const Spec spec{&float32, {static_cast<int64_t>(elements)}, elements * sizeof(float)};
  Memory memory;
  memory.data = data;
  memory.bytes = spec.bytes;
  return MakeView(core.engine, spec, memory);
}

void RunStep(TrainingCore& core, Call& call, bool train) {
  const auto* training = core.engine->training;
  std::lock_guard lock(core.checkpoint->mutex);
  OrtStatus* status = train ? training->TrainStep(core.session, nullptr, call.raw_inputs.size(), call.raw_inputs.data(),
                                                  call.raw_outputs.size(), call.raw_outputs.data())
                            : training->EvalStep(core.session, nullptr, call.raw_inputs.size(), call.raw_inputs.data(),
                                                 call.raw_outputs.size(), call.raw_outputs.data());
  call.Adopt(core.engine->api);
  Check(core.engine->api, status);
}

void RunOptimizer(TrainingCore& core) {
  std::lock_guard lock(core.checkpoint->mutex);
  Check(core.engine->api, core.engine->training->OptimizerStep(core.session, nullptr));
}

void RequireOptimizer(const TrainingCore& core) {
  if (!core.has_optimizer) Fail(Kind::kValue, "This training session was made without an optimizer model.");
}

}  // namespace

Napi::Function TrainingSession::Define(Napi::Env env) {
  return DefineClass(env, "NativeTrainingSession", {
      InstanceAccessor<&TrainingSession::GetTrainInputs>("trainInputs"),
      InstanceAccessor<&TrainingSession::GetTrainOutputs>("trainOutputs"),
      InstanceAccessor<&TrainingSession::GetEvalInputs>("evalInputs"),
      InstanceAccessor<&TrainingSession::GetEvalOutputs>("evalOutputs"),
      InstanceAccessor<&TrainingSession::GetDisposed>("disposed"),
      InstanceAccessor<&TrainingSession::GetLearningRate, &TrainingSession::SetLearningRate>("learningRate"),
      InstanceMethod<&TrainingSession::TrainStep>("trainStep"),
      InstanceMethod<&TrainingSession::TrainStepAsync>("trainStepAsync"),
      InstanceMethod<&TrainingSession::EvalStep>("evalStep"),
      InstanceMethod<&TrainingSession::EvalStepAsync>("evalStepAsync"),
      InstanceMethod<&TrainingSession::LazyResetGrad>("lazyResetGrad"),
      InstanceMethod<&TrainingSession::OptimizerStep>("optimizerStep"),
      InstanceMethod<&TrainingSession::OptimizerStepAsync>("optimizerStepAsync"),
      InstanceMethod<&TrainingSession::RegisterLinearLRScheduler>("registerLinearLRScheduler"),
      InstanceMethod<&TrainingSession::SchedulerStep>("schedulerStep"),
      InstanceMethod<&TrainingSession::ParametersSize>("parametersSize"),
      InstanceMethod<&TrainingSession::CopyParametersToBuffer>("copyParametersToBuffer"),
      InstanceMethod<&TrainingSession::CopyBufferToParameters>("copyBufferToParameters"),
      InstanceMethod<&TrainingSession::ExportModelForInferencing>("exportModelForInferencing"),
      InstanceMethod<&TrainingSession::Dispose>("dispose"),
  });
}

Napi::Value TrainingSession::New(Napi::Env env, std::shared_ptr<TrainingCore> core) {
  return AddonData::Of(env).training_session.New({Napi::External<std::shared_ptr<TrainingCore>>::New(env, &core)});
}

TrainingSession::TrainingSession(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  Guard(info.Env(), [&] {
    if (!info[0].IsExternal()) Fail(Kind::kType, "Training sessions are made by createTrainingSession.");
    core_ = std::move(*info[0].As<Napi::External<std::shared_ptr<TrainingCore>>>().Data());
    info.This().As<Napi::Object>().TypeTag(&kTag);
  });
}

const std::shared_ptr<TrainingCore>& TrainingSession::Live(const Napi::CallbackInfo& info) const {
  RequireReceiver(info, kTag, "a training session");
  if (!core_) Fail(Kind::kDisposed, "This training session was disposed of.");
  return core_;
}

Napi::Value TrainingSession::GetTrainInputs(const Napi::CallbackInfo& info) {
  return Guard(info.Env(), [&] { return WriteNames(info.Env(), Live(info)->train_inputs); });
}
Napi::Value TrainingSession::GetTrainOutputs(const Napi::CallbackInfo& info) {
  return Guard(info.Env(), [&] { return WriteNames(info.Env(), Live(info)->train_outputs); });
}
Napi::Value TrainingSession::GetEvalInputs(const Napi::CallbackInfo& info) {
  return Guard(info.Env(), [&] { return WriteNames(info.Env(), Live(info)->eval_inputs); });
}
Napi::Value TrainingSession::GetEvalOutputs(const Napi::CallbackInfo& info) {
  return Guard(info.Env(), [&] { return WriteNames(info.Env(), Live(info)->eval_outputs); });
}
Napi::Value TrainingSession::GetDisposed(const Napi::CallbackInfo& info) {
  return Guard(info.Env(), [&] {
    RequireReceiver(info, kTag, "a training session");
    return Napi::Boolean::New(info.Env(), !core_);
  });
}

Napi::Value TrainingSession::GetLearningRate(const Napi::CallbackInfo& info) {
  return Guard(info.Env(), [&] {
    const auto core = Live(info);
    RequireOptimizer(*core);
    float rate = 0;
    std::lock_guard lock(core->checkpoint->mutex);
    Check(core->engine->api, core->engine->training->GetLearningRate(core->session, &rate));
    return Napi::Number::New(info.Env(), rate);
  });
}

void TrainingSession::SetLearningRate(const Napi::CallbackInfo& info, const Napi::Value& value) {
  Guard(info.Env(), [&] {
    const auto core = Live(info);
    RequireOptimizer(*core);
    RequireValues(*core, "setting the learning rate");
    if (!value.IsNumber()) Fail(Kind::kType, "Expected a number as learning rate.");
    std::lock_guard lock(core->checkpoint->mutex);
    Check(core->engine->api, core->engine->training->SetLearningRate(core->session, value.As<Napi::Number>().FloatValue()));
  });
}

Napi::Value TrainingSession::Step(const Napi::CallbackInfo& info, bool train) {
  return Guard(info.Env(), [&] {
    const auto core = Live(info);
    if (!train) RequireEval(*core);
    const auto& outputs = train ? core->train_outputs : core->eval_outputs;
    auto call = ReadCall(core->engine, info, train ? core->train_inputs : core->eval_inputs, outputs, core->cuda, false);
    RunStep(*core, call, train);
    return WriteResults(info.Env(), core->engine, call, info[1], outputs);
  });
}

Napi::Value TrainingSession::StepAsync(const Napi::CallbackInfo& info, bool train) {
  return GuardAsync(info.Env(), [&] {
    const auto env = info.Env();
    const auto core = Live(info);
    if (!train) RequireEval(*core);
    auto call = std::make_shared<Call>(ReadCall(core->engine, info, train ? core->train_inputs : core->eval_inputs,
                                                train ? core->train_outputs : core->eval_outputs, core->cuda, true));
    auto& queue = AddonData::Of(env).QueueOf(env, core->engine);
    auto job = queue.NewJob(env, PinTensors(info));
    job->work = [core, call, train] { RunStep(*core, *call, train); };
    job->finish = [core, call, train](Napi::Env env, Napi::Array pins) {
      return WriteResults(env, core->engine, *call, pins.Get(1u), train ? core->train_outputs : core->eval_outputs);
    };
    return queue.Submit(env, std::move(job), env.Undefined());
  });
}

Napi::Value TrainingSession::TrainStep(const Napi::CallbackInfo& info) { return Step(info, true); }
Napi::Value TrainingSession::EvalStep(const Napi::CallbackInfo& info) { return Step(info, false); }
Napi::Value TrainingSession::TrainStepAsync(const Napi::CallbackInfo& info) { return StepAsync(info, true); }
Napi::Value TrainingSession::EvalStepAsync(const Napi::CallbackInfo& info) { return StepAsync(info, false); }

Napi::Value TrainingSession::LazyResetGrad(const Napi::CallbackInfo& info) {
  return Guard(info.Env(), [&] {
    const auto core = Live(info);
    std::lock_guard lock(core->checkpoint->mutex);
    Check(core->engine->api, core->engine->training->LazyResetGrad(core->session));
    return info.Env().Undefined();
  });
}

Napi::Value TrainingSession::OptimizerStep(const Napi::CallbackInfo& info) {
  return Guard(info.Env(), [&] {
    const auto core = Live(info);
    RequireOptimizer(*core);
    RunOptimizer(*core);
    return info.Env().Undefined();
  });
}

Napi::Value TrainingSession::OptimizerStepAsync(const Napi::CallbackInfo& info) {
  return GuardAsync(info.Env(), [&] {
    const auto env = info.Env();
    const auto core = Live(info);
    RequireOptimizer(*core);
    auto& queue = AddonData::Of(env).QueueOf(env, core->engine);
    auto job = queue.NewJob(env, Napi::Array::New(env));
    job->work = [core] { RunOptimizer(*core); };
    job->finish = [](Napi::Env env, Napi::Array) { return env.Undefined(); };
    return queue.Submit(env, std::move(job), env.Undefined());
  });
}

Napi::Value TrainingSession::RegisterLinearLRScheduler(const Napi::CallbackInfo& info) {
  return Guard(info.Env(), [&] {
    const auto core = Live(info);
    RequireOptimizer(*core);
    RequireValues(*core, "registering a scheduler");
    for (size_t i = 0; i < 3; ++i) {
      if (!info[i].IsNumber()) Fail(Kind::kType, "Expected numbers as warm-up steps, total steps and initial learning rate.");
    }
    std::lock_guard lock(core->checkpoint->mutex);
    Check(core->engine->api,
          core->engine->training->RegisterLinearLRScheduler(core->session, info[0].As<Napi::Number>().Int64Value(),
                                                            info[1].As<Napi::Number>().Int64Value(), info[2].As<Napi::Number>().FloatValue()));
    return info.Env().Undefined();
  });
}

Napi::Value TrainingSession::SchedulerStep(const Napi::CallbackInfo& info) {
  return Guard(info.Env(), [&] {
    const auto core = Live(info);
    RequireOptimizer(*core);
    RequireValues(*core, "stepping a scheduler");
    std::lock_guard lock(core->checkpoint->mutex);
    Check(core->engine->api, core->engine->training->SchedulerStep(core->session));
    return info.Env().Undefined();
  });
}

Napi::Value TrainingSession::ParametersSize(const Napi::CallbackInfo& info) {
  return Guard(info.Env(), [&] {
    const auto core = Live(info);
    RequireShapes(*core);
    std::lock_guard lock(core->checkpoint->mutex);
    return Napi::Number::New(info.Env(), static_cast<double>(SizeOf(*core, info[0].ToBoolean())));
  });
}

Napi::Value TrainingSession::CopyParametersToBuffer(const Napi::CallbackInfo& info) {
  return Guard(info.Env(), [&] {
    const auto core = Live(info);
    RequireShapes(*core);
    const bool trainable_only = info[0].ToBoolean();
    std::lock_guard lock(core->checkpoint->mutex);
    const size_t elements = SizeOf(*core, trainable_only);
    auto buffer = Napi::ArrayBuffer::New(info.Env(), elements * sizeof(float));
    const auto view = FlatView(*core, buffer.Data(), elements);
    Check(core->engine->api, core->engine->training->CopyParametersToBuffer(core->session, view.get(), trainable_only));
    return Napi::Float32Array::New(info.Env(), elements, buffer, 0);
  });
}

Napi::Value TrainingSession::CopyBufferToParameters(const Napi::CallbackInfo& info) {
  return Guard(info.Env(), [&] {
    const auto core = Live(info);
    RequireShapes(*core);
    if (!info[0].IsTypedArray() || info[0].As<Napi::TypedArray>().TypedArrayType() != napi_float32_array) {
      Fail(Kind::kType, "Expected a Float32Array of all parameters.");
    }
    auto values = info[0].As<Napi::Float32Array>();
    const bool trainable_only = info[1].ToBoolean();
    std::lock_guard lock(core->checkpoint->mutex);
    const size_t expected = SizeOf(*core, trainable_only);
    if (values.ElementLength() != expected) {
      Fail(Kind::kShape, "Expected " + std::to_string(expected) + " parameter values but received " + std::to_string(values.ElementLength()) + ".");
    }
    const auto view = FlatView(*core, values.Data(), expected);
    Check(core->engine->api, core->engine->training->CopyBufferToParameters(core->session, view.get(), trainable_only));
    if (!trainable_only) core->checkpoint->nominal = false;
    return info.Env().Undefined();
  });
}

Napi::Value TrainingSession::ExportModelForInferencing(const Napi::CallbackInfo& info) {
  return Guard(info.Env(), [&] {
    const auto core = Live(info);
    RequireEval(*core);
    if (!info[0].IsString() || !info[1].IsArray() || info[1].As<Napi::Array>().Length() == 0) {
      Fail(Kind::kType, "Expected a path and a non-empty array of output names to export.");
    }
    const std::string path = info[0].As<Napi::String>();
    std::vector<std::string> names;
    std::vector<const char*> raw;
    const auto given = info[1].As<Napi::Array>();
    for (uint32_t i = 0; i < given.Length(); ++i) names.push_back(Napi::Value(given[i]).ToString());
    for (const auto& name : names) raw.push_back(name.c_str());
    std::lock_guard lock(core->checkpoint->mutex);
    Check(core->engine->api,
          core->engine->training->ExportModelForInferencing(core->session, NativePath(path).c_str(), raw.size(), raw.data()));
    return info.Env().Undefined();
  });
}

Napi::Value TrainingSession::Dispose(const Napi::CallbackInfo& info) {
  return Guard(info.Env(), [&] {
    RequireReceiver(info, kTag, "a training session");
    // A step in flight keeps the core, and with it the checkpoint.
    core_.reset();
    return info.Env().Undefined();
  });
}

}  // namespace hokku
