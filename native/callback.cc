#include "callback.h"

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

namespace hokku {
namespace {

/** One JavaScript thread. Its references are only touched there. */
struct Dispatcher {
  napi_env env = nullptr;
  std::thread::id thread;
  Napi::FunctionReference dispatch;
  Napi::ThreadSafeFunction remote;
  std::atomic<bool> stopped = false;
};

std::mutex mutex;
std::condition_variable answered;
std::map<int64_t, std::shared_ptr<Dispatcher>> dispatchers;

/** A question from another thread. Shared, because the asker may leave when the process exits. */
struct Question {
  int64_t id;
  std::vector<std::vector<std::byte>> inputs;
  std::vector<std::vector<std::byte>> results;
  std::optional<std::string> error;
  bool done = false;
};

Napi::Value Ask(Napi::Env env, const Napi::Function& dispatch, int64_t id, std::span<const CallbackBytes> inputs) {
  Napi::Array given = Napi::Array::New(env, inputs.size());
  for (size_t i = 0; i < inputs.size(); i++) {
    Napi::ArrayBuffer copy = Napi::ArrayBuffer::New(env, inputs[i].size);
    if (inputs[i].size) std::memcpy(copy.Data(), inputs[i].data, inputs[i].size);
    given.Set(static_cast<uint32_t>(i), copy);
  }
  return dispatch.Call({Napi::Number::New(env, static_cast<double>(id)), given});
}

void CopyResults(const Napi::Value& answer, std::span<const CallbackResult> results) {
  if (!answer.IsArray() || answer.As<Napi::Array>().Length() != results.size()) throw std::runtime_error("the dispatcher of callbacks answered with no list of results");
  for (size_t i = 0; i < results.size(); i++) {
    const Napi::Value one = answer.As<Napi::Array>()[static_cast<uint32_t>(i)];
    if (!one.IsArrayBuffer() || one.As<Napi::ArrayBuffer>().ByteLength() != results[i].size) throw std::runtime_error("a callback's result has another size than was declared");
    if (results[i].size) std::memcpy(results[i].data, one.As<Napi::ArrayBuffer>().Data(), results[i].size);
  }
}

void CallHere(const Dispatcher& dispatcher, int64_t id, std::span<const CallbackBytes> inputs, std::span<const CallbackResult> results) {
  const Napi::Env env(dispatcher.env);
  const Napi::HandleScope scope(env);
  try {
    CopyResults(Ask(env, dispatcher.dispatch.Value(), id, inputs), results);
  } catch (const Napi::Error& error) {
    throw std::runtime_error(error.Message());
  }
}

void Answer(Napi::Env env, Napi::Function dispatch, std::shared_ptr<Question>* asked) {
  const std::unique_ptr<std::shared_ptr<Question>> owner(asked);
  Question& question = **owner;
  std::optional<std::string> error;
  try {
    if (static_cast<napi_env>(env) == nullptr) throw std::runtime_error("its thread has ended");
    std::vector<CallbackBytes> inputs;
    for (const auto& bytes : question.inputs) inputs.push_back({bytes.data(), bytes.size()});
    std::vector<CallbackResult> results;
    for (auto& bytes : question.results) results.push_back({bytes.data(), bytes.size()});
    const Napi::HandleScope scope(env);
    CopyResults(Ask(env, dispatch, question.id, inputs), results);
  } catch (const Napi::Error& thrown) {
    error = thrown.Message();
  } catch (const std::exception& thrown) {
    error = thrown.what();
  }
  const std::lock_guard lock(mutex);
  question.error = error;
  question.done = true;
  answered.notify_all();
}

void CallThere(Dispatcher& dispatcher, int64_t id, std::span<const CallbackBytes> inputs, std::span<const CallbackResult> results) {
  auto question = std::make_shared<Question>();
  question->id = id;
  for (const auto& input : inputs) {
    const auto* bytes = static_cast<const std::byte*>(input.data);
    question->inputs.emplace_back(bytes, bytes + input.size);
  }
  for (const auto& result : results) question->results.emplace_back(result.size);
  auto handle = std::make_unique<std::shared_ptr<Question>>(question);
  if (dispatcher.stopped || dispatcher.remote.BlockingCall(handle.get(), Answer) != napi_ok) throw std::runtime_error("the thread of a callback has ended");
  handle.release();
  std::unique_lock lock(mutex);
  answered.wait(lock, [&] { return question->done || dispatcher.stopped; });
  if (!question->done) throw std::runtime_error("the thread of a callback ended before it answered");
  if (question->error) throw std::runtime_error(*question->error);
  for (size_t i = 0; i < results.size(); i++) {
    if (results[i].size) std::memcpy(results[i].data, question->results[i].data(), results[i].size);
  }
}

}  // namespace

Napi::Value RegisterCallbacks(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto dispatcher = std::make_shared<Dispatcher>();
  dispatcher->env = env;
  dispatcher->thread = std::this_thread::get_id();
  dispatcher->dispatch = Napi::Persistent(info[0].As<Napi::Function>());
  dispatcher->remote = Napi::ThreadSafeFunction::New(env, info[0].As<Napi::Function>(), "hokku callback", 0, 1);
  // Waiting for questions is no reason to keep the process.
  dispatcher->remote.Unref(env);
  napi_env raw = env;
  env.AddCleanupHook([raw] { StopCallbacks(raw); });
  static int64_t next = 1;
  const std::lock_guard lock(mutex);
  dispatchers.emplace(next, dispatcher);
  return Napi::Number::New(env, static_cast<double>(next++));
}

void StopCallbacks(napi_env env) {
  std::shared_ptr<Dispatcher> mine;
  {
    const std::lock_guard lock(mutex);
    for (auto it = dispatchers.begin(); it != dispatchers.end(); ++it) {
      if (it->second->env != env) continue;
      mine = it->second;
      dispatchers.erase(it);
      break;
    }
    if (!mine) return;
    mine->stopped = true;
    answered.notify_all();
  }
  mine->remote.Abort();
  mine->dispatch.Reset();
}

void CallJavaScript(int64_t token, int64_t id, std::span<const CallbackBytes> inputs, std::span<const CallbackResult> results) {
  std::shared_ptr<Dispatcher> dispatcher;
  {
    const std::lock_guard lock(mutex);
    const auto found = dispatchers.find(token);
    if (found == dispatchers.end()) throw std::runtime_error("the thread of a callback has ended");
    dispatcher = found->second;
  }
  if (std::this_thread::get_id() == dispatcher->thread) CallHere(*dispatcher, id, inputs, results);
  else CallThere(*dispatcher, id, inputs, results);
}

}  // namespace hokku
