/** Failures travel as C++ exceptions without any JavaScript in them, and become hokku's error classes at the border. */
#pragma once

#include <napi.h>

#include <array>
#include <string>
#include <vector>

#include "ort_api.h"

namespace hokku {

enum class Kind { kEngine, kEngineNotFound, kValue, kType, kShape, kDisposed, kAbort, kFileFormat, kCount };

struct Failure {
  Kind kind;
  std::string message;
  /** ONNX Runtime's own code for kEngine, else the error's `code` where it is not the class's usual one. */
  std::string code;
};

[[noreturn]] void Fail(Kind kind, std::string message, std::string code = {});

/** Throws what the status says, and releases it. */
void Check(const OrtApi* api, OrtStatus* status);
/** The same as a value; `status` must be an error. */
Failure TakeStatus(const OrtApi* api, OrtStatus* status);

/** The nearest of `known`, for a sentence about a misspelt name. */
std::string Nearest(const std::string& given, const std::vector<std::string>& known);

/** The JavaScript classes of `lib/runtime/errors.ts`; each worker thread has its own. */
struct ErrorClasses {
  std::array<Napi::FunctionReference, static_cast<size_t>(Kind::kCount)> classes;
  void Set(const Napi::Object& exported);
};

Napi::Error ToError(Napi::Env env, const Failure& failure);

/** Refuses a method that was taken from one object and called on another: the pointer behind it would be of another class. */
void RequireReceiver(const Napi::CallbackInfo& info, const napi_type_tag& tag, const char* what);

/** Runs `body` and turns whatever it throws into a JavaScript exception. */
template <class Body>
auto Guard(Napi::Env env, Body&& body) {
  try {
    return body();
  } catch (const Failure& failure) {
    throw ToError(env, failure);
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::exception& error) {
    throw ToError(env, {Kind::kEngine, error.what(), "EXCEPTION"});
  }
}

/** The same for functions that return a promise: it is rejected instead. */
template <class Body>
Napi::Value GuardAsync(Napi::Env env, Body&& body) {
  try {
    return Guard(env, body);
  } catch (const Napi::Error& error) {
    auto deferred = Napi::Promise::Deferred::New(env);
    deferred.Reject(error.Value());
    return deferred.Promise();
  }
}

}  // namespace hokku
