/** Registration: what the addon exports. The classes live in the other files. */
#include <napi.h>

#include <cstring>

#include "addon_data.h"
#include "binding.h"
#include "callback.h"
#include "cuda.h"
#include "engine.h"
#include "kernels/targets.h"
#include "library.h"
#include "memory.h"
#include "session.h"
#include "training.h"

namespace hokku {
namespace {

Napi::Value SetErrors(const Napi::CallbackInfo& info) {
  AddonData::Of(info.Env()).errors.Set(info[0].As<Napi::Object>());
  return info.Env().Undefined();
}

Napi::Value LoadEngineByPath(const Napi::CallbackInfo& info) { return AddonData::Of(info.Env()).engine.New({info[0]}); }

Napi::Value TakeOver(const Napi::CallbackInfo& info) {
  return Guard(info.Env(), [&] {
    if (!info[0].IsArrayBuffer()) Fail(Kind::kType, "Expected an ArrayBuffer to take over.");
    auto source = info[0].As<Napi::ArrayBuffer>();
    if (source.IsDetached()) Fail(Kind::kDisposed, "The ArrayBuffer is detached: its memory was given to somebody else.", "DETACHED");
    auto copy = Napi::ArrayBuffer::New(info.Env(), source.ByteLength());
    if (source.ByteLength() > 0) std::memcpy(copy.Data(), source.Data(), source.ByteLength());
    if (napi_detach_arraybuffer(info.Env(), source) != napi_ok) Fail(Kind::kType, "This ArrayBuffer cannot be detached: it belongs to WebAssembly.");
    return copy;
  });
}

/** Called as the process exits: joins what runs, since JavaScript's memory and the engine go away next. */
Napi::Value Shutdown(const Napi::CallbackInfo& info) {
  auto& data = AddonData::Of(info.Env());
  data.stopped = true;
  // Before the threads are joined: one of them may be waiting for an answer of this one.
  StopCallbacks(info.Env());
  for (auto& [engine, queue] : data.queues) queue->Stop();
  return info.Env().Undefined();
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  PinThisAddon();
  KeepFreedMemory();
  auto* data = new AddonData();
  env.SetInstanceData(data);
  data->engine = Napi::Persistent(Engine::Define(env));
  data->session = Napi::Persistent(Session::Define(env));
  data->binding = Napi::Persistent(Binding::Define(env));
  data->checkpoint = Napi::Persistent(Checkpoint::Define(env));
  data->training_session = Napi::Persistent(TrainingSession::Define(env));
  data->device_buffer = Napi::Persistent(DeviceBuffer::Define(env));
  exports.Set("setErrors", Napi::Function::New<SetErrors>(env, "setErrors"));
  exports.Set("loadEngine", Napi::Function::New<LoadEngineByPath>(env, "loadEngine"));
  exports.Set("wideVectors", Napi::Boolean::New(env, detectTarget() != Target::Base));
  exports.Set("useLargePages", Napi::Function::New<UseLargePages>(env, "useLargePages"));
  exports.Set("takeOver", Napi::Function::New<TakeOver>(env, "takeOver"));
  exports.Set("registerCallbacks", Napi::Function::New<RegisterCallbacks>(env, "registerCallbacks"));
  exports.Set("shutdown", Napi::Function::New<Shutdown>(env, "shutdown"));
  return exports;
}

}  // namespace

NODE_API_MODULE(hokku, Init)

}  // namespace hokku
