/** What one copy of the addon keeps: one per worker thread, never a global. */
#pragma once

#include <napi.h>

#include <map>
#include <memory>

#include "async.h"
#include "errors.h"

namespace hokku {

struct EngineCore;

struct AddonData {
  ErrorClasses errors;
  Napi::FunctionReference engine, session, binding, checkpoint, training_session, device_buffer;
  /** One thread for each engine that ran something asynchronously. */
  std::map<EngineCore*, std::unique_ptr<Queue>> queues;
  /** Set when the process exits: nothing new may start. */
  bool stopped = false;

  static AddonData& Of(Napi::Env env) { return *env.GetInstanceData<AddonData>(); }
  Queue& QueueOf(Napi::Env env, EngineCore* engine);
};

}  // namespace hokku
