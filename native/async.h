/**
 * Runs on a thread of our own: one for each engine and worker thread, never libuv's four shared ones. The promise is
 * settled on the JavaScript thread; the memory of the run is pinned until then.
 */
#pragma once

#include <napi.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "errors.h"

namespace hokku {

class Queue;

struct Job {
  /** On the worker: touches no JavaScript; a Failure that it throws rejects the promise. */
  std::function<void()> work;
  /** On the JavaScript thread after success: makes the result. */
  std::function<Napi::Value(Napi::Env, Napi::Array pins)> finish;
  /** On the JavaScript thread, always, before the promise is settled. */
  std::function<void()> release = [] {};
  /** From any thread: asks the running work to stop early; empty where it must not be interrupted. */
  std::function<void()> interrupt;

 private:
  friend class Queue;
  Job(Napi::Env env) : deferred(Napi::Promise::Deferred::New(env)) {}
  void Settle(Napi::Env env);

  Napi::Promise::Deferred deferred;
  Napi::ObjectReference pins;
  /** Holds the caller's stack, captured before anything went native. */
  Napi::ObjectReference trace;
  Napi::ObjectReference signal;
  Napi::FunctionReference listener;
  std::optional<Failure> failure;
  bool aborted = false;
};

class Queue {
 public:
  explicit Queue(Napi::Env env);
  ~Queue();

  /** A job whose `work`, `finish` and so on the caller fills in before `Submit`. `pins` stays alive until it is settled. */
  std::shared_ptr<Job> NewJob(Napi::Env env, Napi::Array pins);
  /** Returns the promise. `signal` may be undefined. */
  Napi::Value Submit(Napi::Env env, std::shared_ptr<Job> job, Napi::Value signal);
  /** Drops what waits, interrupts and joins what runs. On the JavaScript thread; may be called twice. */
  void Stop();

 private:
  using Clock = std::chrono::steady_clock;

  void Loop();
  void Abort(Napi::Env env, const std::shared_ptr<Job>& job);
  void Finish(Napi::Env env, Job* job);
  void GiveTurn();
  void TakeTurn();

  napi_env env_;
  /** Hands over a job that is done. */
  napi_threadsafe_function done_ = nullptr;
  /** Says that the event loop has gone on. */
  napi_threadsafe_function turned_ = nullptr;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job*> waiting_;
  Job* running_ = nullptr;
  bool stopping_ = false;
  /** While the event loop has its turn, what is done waits in `held_`. */
  bool holding_ = false;
  std::vector<Job*> held_;
  /** Only touched on the JavaScript thread, so that references die there. */
  std::set<std::shared_ptr<Job>> jobs_;
  Clock::time_point turn_;
};

}  // namespace hokku
