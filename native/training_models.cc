/** Making a training session: what the engine does not check is checked here, on the models themselves. */
#include <algorithm>

#include "model_scan.h"
#include "options.h"
#include "training.h"

namespace hokku {
namespace {

struct Model {
  std::string what;
  std::string path;
  std::vector<uint8_t> bytes;
  bool given = false;
};

Model ReadModel(const Napi::Object& models, const char* key) {
  Model model;
  model.what = std::string(key) + " model";
  const auto value = models.Get(key);
  if (value.IsUndefined() || value.IsNull()) return model;
  model.given = true;
  if (value.IsString()) {
    model.path = value.As<Napi::String>();
    model.what += " " + model.path;
    model.bytes = ReadFile(model.path, model.what);
  } else if (value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == napi_uint8_array) {
    const auto bytes = value.As<Napi::Uint8Array>();
    model.bytes.assign(bytes.Data(), bytes.Data() + bytes.ByteLength());
  } else {
    Fail(Kind::kType, "Expected the " + model.what + " as Uint8Array or as the path of its file.");
  }
  return model;
}

void RefuseUnknownModels(const Napi::Object& models) {
  const std::vector<std::string> known = {"train", "eval", "optimizer"};
  const auto names = models.GetPropertyNames();
  for (uint32_t i = 0; i < names.Length(); ++i) {
    const std::string name = Napi::Value(names[i]).ToString();
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      Fail(Kind::kValue, "There is no training model '" + name + "'; the nearest is '" + Nearest(name, known) + "'.");
    }
  }
}

/** The names of the model's inputs that the checkpoint has. */
std::vector<std::string> ParametersOf(const ModelScan& scan, const CheckpointCore& checkpoint) {
  std::vector<std::string> names;
  for (const auto& input : scan.inputs) {
    if (checkpoint.Has(input.name)) names.push_back(input.name);
  }
  return names;
}

void RefuseCrashes(const ModelScan& scan, const Model& model) {
  if (scan.unshaped_pool_gradients.empty()) return;
  Fail(Kind::kEngine, "The " + model.what + " has a pooling gradient '" + scan.unshaped_pool_gradients.front() +
                          "' without a declared shape, which the engine needs: add its value_info.", "INVALID_GRAPH");
}

using Count = OrtStatus* (*)(const OrtTrainingSession*, size_t*);
using Name = OrtStatus* (*)(const OrtTrainingSession*, size_t, OrtAllocator*, char**);

/** The names as the engine sees them, with dtype and shape from the model where it says so. */
std::vector<Declared> ReadNames(EngineCore* engine, const OrtTrainingSession* session, Count count_of, Name name_of,
                                const std::vector<Declared>& scanned) {
  size_t count = 0;
  Check(engine->api, count_of(session, &count));
  std::vector<Declared> all;
  for (size_t i = 0; i < count; ++i) {
    char* text = nullptr;
    Check(engine->api, name_of(session, i, engine->allocator, &text));
    Declared one;
    one.name = TakeString(engine, text);
    for (const auto& declared : scanned) {
      if (declared.name == one.name) one = declared;
    }
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace

std::shared_ptr<TrainingCore> MakeTrainingSession(EngineCore* engine, Napi::Value checkpoint, Napi::Value models, Napi::Value options) {
  auto core = std::make_shared<TrainingCore>();
  core->engine = engine;
  core->checkpoint = Checkpoint::CoreOf(checkpoint);
  if (core->checkpoint->engine != engine) Fail(Kind::kValue, "The checkpoint was loaded by another engine.");
  if (!models.IsObject()) Fail(Kind::kType, "Expected { train, eval, optimizer } as the models of a training session.");
  RefuseUnknownModels(models.As<Napi::Object>());
  const SessionConfig config = ReadSessionConfig(options);
  core->cuda = config.cuda;
  auto train = ReadModel(models.As<Napi::Object>(), "train");
  auto eval = ReadModel(models.As<Napi::Object>(), "eval");
  auto optimizer = ReadModel(models.As<Napi::Object>(), "optimizer");
  if (!train.given) Fail(Kind::kValue, "Expected a train model: a training session cannot be made without one.");
  core->has_optimizer = optimizer.given;

  const auto train_scan = ScanModel(train.bytes, train.what);
  RefuseCrashes(train_scan, train);
  const auto parameters = ParametersOf(train_scan, *core->checkpoint);
  for (const auto& input : train_scan.inputs) {
    const bool fixed = input.has_shape && std::all_of(input.shape.begin(), input.shape.end(), [](int64_t size) { return size >= 0; });
    if (!fixed && core->checkpoint->Has(input.name)) core->unshaped_parameter = input.name;
  }
  ModelScan eval_scan;
  if (eval.given) {
    eval_scan = ScanModel(eval.bytes, eval.what);
    RefuseCrashes(eval_scan, eval);
    // The engine feeds them by position: another order of equal shapes would be silently wrong.
    if (ParametersOf(eval_scan, *core->checkpoint) != parameters) {
      Fail(Kind::kEngine, "The " + eval.what + " does not declare the same parameters in the same order as the train model.", "INVALID_GRAPH");
    }
  }

  const auto* training = engine->training;
  std::lock_guard lock(core->checkpoint->mutex);
  const bool by_path = !train.path.empty() && eval.given == !eval.path.empty() && optimizer.given == !optimizer.path.empty();
  CreateWithOptions(engine, config, [&](const OrtSessionOptions* built) {
    if (by_path) {
      const auto train_path = NativePath(train.path);
      const auto eval_path = NativePath(eval.path);
      const auto optimizer_path = NativePath(optimizer.path);
      return training->CreateTrainingSession(engine->env, built, core->checkpoint->state, train_path.c_str(),
                                             eval.given ? eval_path.c_str() : nullptr,
                                             optimizer.given ? optimizer_path.c_str() : nullptr, &core->session);
    }
    return training->CreateTrainingSessionFromBuffer(engine->env, built, core->checkpoint->state, train.bytes.data(), train.bytes.size(),
                                                     eval.bytes.data(), eval.bytes.size(), optimizer.bytes.data(),
                                                     optimizer.bytes.size(), &core->session);
  });
  if (!by_path) core->eval_model = std::move(eval.bytes);

  core->train_inputs = ReadNames(engine, core->session, training->TrainingSessionGetTrainingModelInputCount,
                                 training->TrainingSessionGetTrainingModelInputName, train_scan.inputs);
  core->train_outputs = ReadNames(engine, core->session, training->TrainingSessionGetTrainingModelOutputCount,
                                  training->TrainingSessionGetTrainingModelOutputName, train_scan.outputs);
  if (eval.given) {
    core->eval_inputs = ReadNames(engine, core->session, training->TrainingSessionGetEvalModelInputCount,
                                  training->TrainingSessionGetEvalModelInputName, eval_scan.inputs);
    core->eval_outputs = ReadNames(engine, core->session, training->TrainingSessionGetEvalModelOutputCount,
                                   training->TrainingSessionGetEvalModelOutputName, eval_scan.outputs);
  }
  if (core->train_outputs.empty()) Fail(Kind::kEngine, "The train model has no output that a user can see: it needs at least the loss.", "INVALID_GRAPH");
  return core;
}

}  // namespace hokku
