/** JavaScript functions that programs call: `hokku.Callback` finds the thread that they belong to and waits for the answer. */
#pragma once

#include <napi.h>

#include <cstdint>
#include <span>
#include <vector>

namespace hokku {

struct CallbackBytes {
  const void* data;
  size_t size;
};
struct CallbackResult {
  void* data;
  size_t size;
};

/** `registerCallbacks(dispatch)`: gives the token by which programs find this thread's `dispatch(id, inputs) → results`. */
Napi::Value RegisterCallbacks(const Napi::CallbackInfo& info);

/** Wakes whoever waits for this thread's answer; nothing is asked of it from now on. */
void StopCallbacks(napi_env env);

/** Calls the function and copies its results; throws std::runtime_error where it throws or its results have other sizes. */
void CallJavaScript(int64_t token, int64_t id, std::span<const CallbackBytes> inputs, std::span<const CallbackResult> results);

}  // namespace hokku
