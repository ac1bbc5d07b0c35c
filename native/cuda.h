/** GPU memory through the CUDA runtime, found when it is first asked for. */
#pragma once

#include <napi.h>

#include <memory>

#include "engine.h"

namespace hokku {

/** One allocation; freed when the last run that uses it has ended. */
struct DeviceMemory {
  DeviceMemory(size_t bytes, int device_id);
  ~DeviceMemory();
  DeviceMemory(const DeviceMemory&) = delete;
  /** Where ONNX Runtime finds it. */
  const OrtMemoryInfo* Place(EngineCore* engine) const;

  void* data = nullptr;
  size_t bytes;
  int device_id;
};

class DeviceBuffer : public Napi::ObjectWrap<DeviceBuffer> {
 public:
  static Napi::Function Define(Napi::Env env);
  static Napi::Value New(Napi::Env env, size_t bytes, int device_id);
  static bool Is(Napi::Value value);
  /** Null unless the value is a DeviceBuffer that was not disposed of. */
  static std::shared_ptr<DeviceMemory> MemoryOf(Napi::Value value);
  explicit DeviceBuffer(const Napi::CallbackInfo& info);

 private:
  Napi::Value GetByteLength(const Napi::CallbackInfo& info);
  Napi::Value GetDeviceId(const Napi::CallbackInfo& info);
  Napi::Value GetDisposed(const Napi::CallbackInfo& info);
  Napi::Value CopyFrom(const Napi::CallbackInfo& info);
  Napi::Value CopyTo(const Napi::CallbackInfo& info);
  Napi::Value Dispose(const Napi::CallbackInfo& info);
  const std::shared_ptr<DeviceMemory>& Live(const Napi::CallbackInfo& info) const;

  std::shared_ptr<DeviceMemory> memory_;
  size_t bytes_;
  int device_id_;
};

}  // namespace hokku
