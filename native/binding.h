/** A session with fixed dtypes and shapes: the hot path, where a run costs little more than ONNX Runtime's own. */
#pragma once

#include <napi.h>

#include <array>
#include <memory>
#include <vector>

#include "session.h"

namespace hokku {

class Binding : public Napi::ObjectWrap<Binding> {
 public:
  static Napi::Function Define(Napi::Env env);
  static Napi::Value New(Napi::Env env, std::shared_ptr<SessionCore> session, Napi::Value inputs, Napi::Value outputs);
  explicit Binding(const Napi::CallbackInfo& info);

 private:
  /** One input or output. Views are kept by address: training swaps the same few buffers back and forth. */
  struct Slot {
    Spec spec;
    struct View {
      void* data = nullptr;
      Tensor value;
    };
    std::array<View, 2> views;
    unsigned next = 0;
  };

  Napi::Value Run(const Napi::CallbackInfo& info);
  Napi::Value RunAsync(const Napi::CallbackInfo& info);
  Napi::Value Dispose(const Napi::CallbackInfo& info);
  void Fill(napi_env env, napi_value list, const SessionCore& session, std::vector<std::shared_ptr<DeviceMemory>>* devices);
  static OrtValue* ViewOf(const SessionCore& session, Slot& slot, const Memory& memory);
  static std::string Describe(const SessionCore& session, size_t index);
  void RequireIdle(const Napi::CallbackInfo& info) const;
  bool WritesInPlace(const SessionCore& session) const;

  std::shared_ptr<SessionCore> session_;
  std::vector<Slot> slots_;
  /** Inputs, then outputs; filled anew by every run. */
  std::vector<OrtValue*> values_;
  std::vector<void*> addresses_;
  bool busy_ = false;
};

}  // namespace hokku
