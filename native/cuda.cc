#include "cuda.h"

#include <cstdlib>
#include <map>
#include <mutex>

#include "addon_data.h"
#include "errors.h"
#include "library.h"

namespace hokku {
namespace {

constexpr napi_type_tag kTag = {0x6c1f1a6c5c4e4c0d, 0x9d3a2f1b7e6a4d01};
enum CopyKind : int { kHostToDevice = 1, kDeviceToHost = 2 };

/** The part of libcudart that is needed; the functions have had these signatures in every version. */
struct Runtime {
  int (*GetDeviceCount)(int* count);
  int (*SetDevice)(int device);
  int (*Malloc)(void** data, size_t bytes);
  int (*Free)(void* data);
  int (*Memcpy)(void* to, const void* from, size_t bytes, int kind);
  int (*DeviceSynchronize)();
  const char* (*GetErrorString)(int error);
};

const Runtime& TheRuntime() {
  static std::mutex mutex;
  static Runtime* runtime = nullptr;
  std::lock_guard lock(mutex);
  if (runtime != nullptr) return *runtime;
  std::vector<std::string> names;
  if (const char* path = std::getenv("HOKKU_CUDART")) names.emplace_back(path);
#ifdef _WIN32
  for (const char* name : {"cudart64_13.dll", "cudart64_12.dll"}) names.emplace_back(name);
#else
  for (const char* name : {"libcudart.so.13", "libcudart.so.12", "libcudart.so", "/usr/local/cuda/lib64/libcudart.so"}) {
    names.emplace_back(name);
  }
#endif
  std::string error;
  void* library = nullptr;
  for (size_t i = 0; i < names.size() && library == nullptr; ++i) library = OpenLibrary(names[i], error);
  if (library == nullptr) {
    Fail(Kind::kEngineNotFound, "The CUDA runtime was not found (" + error +
                                    "): put libcudart.so.13 on the loader's path, or set HOKKU_CUDART to its file.");
  }
  Runtime found{};
  const auto find = [&](auto& function, const char* name) {
    function = reinterpret_cast<std::decay_t<decltype(function)>>(FindSymbol(library, name));
    if (function == nullptr) Fail(Kind::kEngineNotFound, std::string("The CUDA runtime lacks ") + name + ".");
  };
  find(found.GetDeviceCount, "cudaGetDeviceCount");
  find(found.SetDevice, "cudaSetDevice");
  find(found.Malloc, "cudaMalloc");
  find(found.Free, "cudaFree");
  find(found.Memcpy, "cudaMemcpy");
  find(found.DeviceSynchronize, "cudaDeviceSynchronize");
  find(found.GetErrorString, "cudaGetErrorString");
  runtime = new Runtime(found);
  return *runtime;
}

void Call(const Runtime& runtime, int error, const std::string& what) {
  if (error != 0) Fail(Kind::kEngine, "CUDA could not " + what + ": " + runtime.GetErrorString(error) + ".", "CUDA_" + std::to_string(error));
}

}  // namespace

DeviceMemory::DeviceMemory(size_t bytes, int device_id) : bytes(bytes), device_id(device_id) {
  const auto& runtime = TheRuntime();
  int count = 0;
  Call(runtime, runtime.GetDeviceCount(&count), "count its devices");
  if (device_id < 0 || device_id >= count) {
    Fail(Kind::kEngineNotFound, "There is no CUDA device " + std::to_string(device_id) + "; this machine has " + std::to_string(count) + ".");
  }
  Call(runtime, runtime.SetDevice(device_id), "select device " + std::to_string(device_id));
  // Zero bytes would give a null pointer, which ONNX Runtime refuses.
  Call(runtime, runtime.Malloc(&data, bytes > 0 ? bytes : 1), "allocate " + std::to_string(bytes) + " bytes");
}

DeviceMemory::~DeviceMemory() {
  if (data == nullptr) return;
  const auto& runtime = TheRuntime();
  runtime.SetDevice(device_id);
  runtime.Free(data);
}

const OrtMemoryInfo* DeviceMemory::Place(EngineCore* engine) const {
  static std::mutex mutex;
  static std::map<std::pair<EngineCore*, int>, OrtMemoryInfo*> places;
  std::lock_guard lock(mutex);
  auto& place = places[{engine, device_id}];
  if (place == nullptr) Check(engine->api, engine->api->CreateMemoryInfo("Cuda", OrtDeviceAllocator, device_id, OrtMemTypeDefault, &place));
  return place;
}

Napi::Function DeviceBuffer::Define(Napi::Env env) {
  return DefineClass(env, "DeviceBuffer", {
      InstanceAccessor<&DeviceBuffer::GetByteLength>("byteLength"),
      InstanceAccessor<&DeviceBuffer::GetDeviceId>("deviceId"),
      InstanceAccessor<&DeviceBuffer::GetDisposed>("disposed"),
      InstanceMethod<&DeviceBuffer::CopyFrom>("copyFrom"),
      InstanceMethod<&DeviceBuffer::CopyTo>("copyTo"),
      InstanceMethod<&DeviceBuffer::Dispose>("dispose"),
  });
}

Napi::Value DeviceBuffer::New(Napi::Env env, size_t bytes, int device_id) {
  return AddonData::Of(env).device_buffer.New({Napi::Number::New(env, static_cast<double>(bytes)), Napi::Number::New(env, device_id)});
}

DeviceBuffer::DeviceBuffer(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  Guard(info.Env(), [&] {
    bytes_ = static_cast<size_t>(info[0].As<Napi::Number>().Int64Value());
    device_id_ = info[1].As<Napi::Number>().Int32Value();
    memory_ = std::make_shared<DeviceMemory>(bytes_, device_id_);
    info.This().As<Napi::Object>().TypeTag(&kTag);
  });
}

bool DeviceBuffer::Is(Napi::Value value) { return value.IsObject() && value.As<Napi::Object>().CheckTypeTag(&kTag); }

std::shared_ptr<DeviceMemory> DeviceBuffer::MemoryOf(Napi::Value value) {
  return Is(value) ? Unwrap(value.As<Napi::Object>())->memory_ : nullptr;
}

const std::shared_ptr<DeviceMemory>& DeviceBuffer::Live(const Napi::CallbackInfo& info) const {
  RequireReceiver(info, kTag, "a DeviceBuffer");
  if (!memory_) Fail(Kind::kDisposed, "This GPU memory was disposed of.");
  return memory_;
}

Napi::Value DeviceBuffer::GetByteLength(const Napi::CallbackInfo& info) {
  return Guard(info.Env(), [&] {
    RequireReceiver(info, kTag, "a DeviceBuffer");
    return Napi::Number::New(info.Env(), static_cast<double>(bytes_));
  });
}
Napi::Value DeviceBuffer::GetDeviceId(const Napi::CallbackInfo& info) {
  return Guard(info.Env(), [&] {
    RequireReceiver(info, kTag, "a DeviceBuffer");
    return Napi::Number::New(info.Env(), device_id_);
  });
}
Napi::Value DeviceBuffer::GetDisposed(const Napi::CallbackInfo& info) {
  return Guard(info.Env(), [&] {
    RequireReceiver(info, kTag, "a DeviceBuffer");
    return Napi::Boolean::New(info.Env(), !memory_);
  });
}

Napi::Value DeviceBuffer::CopyFrom(const Napi::CallbackInfo& info) {
  return Guard(info.Env(), [&] {
    const auto& memory = Live(info);
    const void* source = nullptr;
    size_t bytes = 0;
    if (info[0].IsArrayBuffer()) {
      source = info[0].As<Napi::ArrayBuffer>().Data();
      bytes = info[0].As<Napi::ArrayBuffer>().ByteLength();
    } else if (info[0].IsTypedArray() || info[0].IsDataView()) {
      const auto view = info[0].As<Napi::Object>();
      const auto offset = static_cast<size_t>(view.Get("byteOffset").ToNumber().Int64Value());
      bytes = static_cast<size_t>(view.Get("byteLength").ToNumber().Int64Value());
      auto buffer = view.Get("buffer");
      if (!buffer.IsArrayBuffer()) Fail(Kind::kType, "Expected unshared memory to copy from.");
      source = static_cast<const char*>(buffer.As<Napi::ArrayBuffer>().Data()) + offset;
    } else {
      Fail(Kind::kType, "Expected an ArrayBuffer or a view of one to copy from.");
    }
    if (bytes != memory->bytes) {
      Fail(Kind::kShape, "Expected " + std::to_string(memory->bytes) + " bytes to copy but received " + std::to_string(bytes) + ".");
    }
    const auto& runtime = TheRuntime();
    Call(runtime, runtime.SetDevice(memory->device_id), "select its device");
    if (bytes > 0) Call(runtime, runtime.Memcpy(memory->data, source, bytes, kHostToDevice), "copy to the device");
    // From pageable memory cudaMemcpy may return early, and the engine's stream does not wait for the default one.
    Call(runtime, runtime.DeviceSynchronize(), "finish copying to the device");
    return info.Env().Undefined();
  });
}

Napi::Value DeviceBuffer::CopyTo(const Napi::CallbackInfo& info) {
  return Guard(info.Env(), [&] {
    const auto& memory = Live(info);
    if (!info[0].IsArrayBuffer()) Fail(Kind::kType, "Expected an ArrayBuffer to copy to.");
    auto target = info[0].As<Napi::ArrayBuffer>();
    if (target.ByteLength() != memory->bytes) {
      Fail(Kind::kShape, "Expected an ArrayBuffer of " + std::to_string(memory->bytes) + " bytes but received one of " +
                             std::to_string(target.ByteLength()) + ".");
    }
    const auto& runtime = TheRuntime();
    Call(runtime, runtime.SetDevice(memory->device_id), "select its device");
    if (memory->bytes > 0) Call(runtime, runtime.Memcpy(target.Data(), memory->data, memory->bytes, kDeviceToHost), "copy from the device");
    return info.Env().Undefined();
  });
}

Napi::Value DeviceBuffer::Dispose(const Napi::CallbackInfo& info) {
  return Guard(info.Env(), [&] {
    RequireReceiver(info, kTag, "a DeviceBuffer");
    // A run in flight keeps the memory.
    memory_.reset();
    return info.Env().Undefined();
  });
}

}  // namespace hokku
