#include "async.h"

#include <algorithm>
#include <string>

#include "addon_data.h"

namespace hokku {
namespace {

/** The new error with the stack of the call, under its own name and message. */
Napi::Value WithCallersStack(const Napi::Error& error, const Napi::ObjectReference& trace) {
  auto value = error.Value();
  const std::string stack = trace.Value().Get("stack").ToString();
  const size_t frames = stack.find("\n    at ");
  if (frames != std::string::npos) {
    const std::string head = value.Get("name").ToString().Utf8Value() + ": " + error.Message();
    value.Set("stack", head + stack.substr(frames));
  }
  return value;
}

void StopQueue(void* queue) { static_cast<Queue*>(queue)->Stop(); }

/**
 * How long finished jobs may follow each other before timers and sockets have their turn. Node hands over up to a thousand
 * calls of a thread-safe function in one turn, as long as there is another by the time it is done with one.
 */
constexpr std::chrono::milliseconds kTurn{2};

/** One that does not keep the process alive. */
napi_threadsafe_function ThreadSafe(Napi::Env env, void* context, napi_threadsafe_function_call_js call) {
  napi_value name = Napi::String::New(env, "hokku");
  napi_threadsafe_function function = nullptr;
  if (napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, context, call, &function) != napi_ok) {
    Fail(Kind::kEngine, "Node refused a thread for asynchronous runs.", "FAIL");
  }
  napi_unref_threadsafe_function(env, function);
  return function;
}

}  // namespace

void Job::Settle(Napi::Env env) {
  Napi::HandleScope scope(env);
  release();
  if (!listener.IsEmpty()) {
    auto target = signal.Value();
    target.Get("removeEventListener").As<Napi::Function>().Call(target, {Napi::String::New(env, "abort"), listener.Value()});
  }
  if (aborted && (interrupt || !work)) {
    failure = Failure{Kind::kAbort, "The run was aborted by its signal.", {}};
  }
  try {
    if (failure) {
      auto error = WithCallersStack(ToError(env, *failure), trace);
      if (failure->kind == Kind::kAbort && !signal.IsEmpty()) error.As<Napi::Object>().Set("cause", signal.Get("reason"));
      deferred.Reject(error);
    } else {
      deferred.Resolve(Guard(env, [&] { return finish(env, pins.Value().As<Napi::Array>()); }));
    }
  } catch (const Napi::Error& error) {
    deferred.Reject(error.Value());
  }
}

Queue::Queue(Napi::Env env) : env_(env) {
  done_ = ThreadSafe(env, this, [](napi_env raw, napi_value, void* context, void* data) {
    if (raw == nullptr) return;
    static_cast<Queue*>(context)->Finish(raw, static_cast<Job*>(data));
    static_cast<Queue*>(context)->GiveTurn();
  });
  turned_ = ThreadSafe(env, this, [](napi_env raw, napi_value, void* context, void*) {
    if (raw != nullptr) static_cast<Queue*>(context)->TakeTurn();
  });
  // Added after the thread-safe functions, so it runs before they go away.
  napi_add_env_cleanup_hook(env, StopQueue, this);
  thread_ = std::thread([this] { Loop(); });
}

Queue::~Queue() {
  Stop();
  napi_remove_env_cleanup_hook(env_, StopQueue, this);
}

std::shared_ptr<Job> Queue::NewJob(Napi::Env env, Napi::Array pins) {
  auto job = std::shared_ptr<Job>(new Job(env));
  job->pins = Napi::Persistent(pins.As<Napi::Object>());
  job->trace = Napi::Persistent(Napi::Error::New(env, "").Value());
  return job;
}

Napi::Value Queue::Submit(Napi::Env env, std::shared_ptr<Job> job, Napi::Value signal) {
  auto promise = job->deferred.Promise();
  if (stopping_) {
    job->failure = Failure{Kind::kAbort, "The run was not started because the process is exiting.", {}};
    job->Settle(env);
    return promise;
  }
  if (!signal.IsUndefined() && !signal.IsNull()) {
    if (!signal.IsObject() || !signal.As<Napi::Object>().Get("addEventListener").IsFunction()) {
      job->release();
      Fail(Kind::kType, "Expected an AbortSignal as the signal of an asynchronous run.");
    }
    auto target = signal.As<Napi::Object>();
    job->signal = Napi::Persistent(target);
    if (target.Get("aborted").ToBoolean()) {
      job->failure = Failure{Kind::kAbort, "The run was not started because its signal is already aborted.", {}};
      job->Settle(env);
      return promise;
    }
    auto weak = std::weak_ptr<Job>(job);
    auto listener = Napi::Function::New(env, [this, weak](const Napi::CallbackInfo& info) {
      if (auto live = weak.lock()) Abort(info.Env(), live);
    });
    job->listener = Napi::Persistent(listener);
    target.Get("addEventListener").As<Napi::Function>().Call(target, {Napi::String::New(env, "abort"), listener});
  }
  if (jobs_.empty()) napi_ref_threadsafe_function(env, done_);
  jobs_.insert(job);
  {
    std::lock_guard lock(mutex_);
    waiting_.push_back(job.get());
  }
  wake_.notify_one();
  return promise;
}

void Queue::Abort(Napi::Env env, const std::shared_ptr<Job>& job) {
  {
    std::lock_guard lock(mutex_);
    job->aborted = true;
    const auto at = std::find(waiting_.begin(), waiting_.end(), job.get());
    if (at == waiting_.end()) {
      if (running_ == job.get() && job->interrupt) job->interrupt();
      return;
    }
    waiting_.erase(at);
  }
  job->work = nullptr;
  Finish(env, job.get());
}

void Queue::Finish(Napi::Env env, Job* job) {
  const auto at = std::find_if(jobs_.begin(), jobs_.end(), [&](const auto& one) { return one.get() == job; });
  if (at == jobs_.end()) return;
  const auto held = *at;
  jobs_.erase(at);
  if (jobs_.empty()) napi_unref_threadsafe_function(env, done_);
  held->Settle(env);
}

/** Nothing more is handed over in this turn, if it has lasted long enough: Node leaves `done_` once that has nothing left. */
void Queue::GiveTurn() {
  if (stopping_ || Clock::now() - turn_ < kTurn) return;
  {
    std::lock_guard lock(mutex_);
    if (holding_) return;
    holding_ = true;
  }
  napi_call_threadsafe_function(turned_, nullptr, napi_tsfn_nonblocking);
}

void Queue::TakeTurn() {
  turn_ = Clock::now();
  std::lock_guard lock(mutex_);
  holding_ = false;
  for (Job* job : held_) napi_call_threadsafe_function(done_, job, napi_tsfn_nonblocking);
  held_.clear();
}

void Queue::Loop() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (stopping_) return;
    Job* job = waiting_.front();
    waiting_.pop_front();
    running_ = job;
    lock.unlock();
    try {
      job->work();
    } catch (const Failure& failure) {
      job->failure = failure;
    } catch (const std::exception& error) {
      job->failure = Failure{Kind::kEngine, error.what(), "EXCEPTION"};
    }
    lock.lock();
    running_ = nullptr;
    if (stopping_) return;
    if (holding_) held_.push_back(job);
    else napi_call_threadsafe_function(done_, job, napi_tsfn_nonblocking);
  }
}

void Queue::Stop() {
  {
    std::lock_guard lock(mutex_);
    if (stopping_) return;
    stopping_ = true;
    waiting_.clear();
    held_.clear();
    if (running_ != nullptr && running_->interrupt) running_->interrupt();
  }
  wake_.notify_all();
  thread_.join();
  jobs_.clear();
  napi_release_threadsafe_function(done_, napi_tsfn_abort);
  napi_release_threadsafe_function(turned_, napi_tsfn_abort);
}

Queue& AddonData::QueueOf(Napi::Env env, EngineCore* engine_core) {
  if (stopped) Fail(Kind::kAbort, "The run was not started because the process is exiting.");
  auto& queue = queues[engine_core];
  if (!queue) queue = std::make_unique<Queue>(env);
  return *queue;
}

}  // namespace hokku
