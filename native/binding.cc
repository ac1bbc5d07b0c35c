#include "binding.h"

#include <algorithm>

#include "addon_data.h"

namespace hokku {
namespace {

constexpr napi_type_tag kTag = {0x1d9a4e6f8b3c4a31, 0x92c7e5d1f0b86a05};

std::vector<Spec> ReadSpecs(Napi::Value value, const std::vector<Declared>& declared, const char* what) {
  if (!value.IsArray() || value.As<Napi::Array>().Length() != declared.size()) {
    Fail(Kind::kValue, "Expected " + std::to_string(declared.size()) + " " + what + "s to bind, in an array of { dtype, shape }.");
  }
  std::vector<Spec> specs;
  for (uint32_t i = 0; i < declared.size(); ++i) {
    const auto label = std::string(what) + " '" + declared[i].name + "'";
    specs.push_back(ReadSpec(value.As<Napi::Array>().Get(i), label));
    CheckDeclared(declared[i], specs.back(), label);
  }
  return specs;
}

/** Refuses a second run while the first one fills or uses the values. */
class Busy {
 public:
  explicit Busy(bool& flag) : flag_(&flag) { flag = true; }
  ~Busy() {
    if (flag_ != nullptr) *flag_ = false;
  }
  Busy(const Busy&) = delete;
  /** The job clears it. */
  void Keep() { flag_ = nullptr; }

 private:
  bool* flag_;
};

struct Seed {
  std::shared_ptr<SessionCore> session;
  std::vector<Spec> specs;
};

}  // namespace

Napi::Function Binding::Define(Napi::Env env) {
  return DefineClass(env, "NativeBinding", {
      InstanceMethod<&Binding::Run>("run"),
      InstanceMethod<&Binding::RunAsync>("runAsync"),
      InstanceMethod<&Binding::Dispose>("dispose"),
  });
}

Napi::Value Binding::New(Napi::Env env, std::shared_ptr<SessionCore> session, Napi::Value inputs, Napi::Value outputs) {
  Seed seed{session, ReadSpecs(inputs, session->inputs, "input")};
  for (auto& spec : ReadSpecs(outputs, session->outputs, "output")) seed.specs.push_back(std::move(spec));
  return AddonData::Of(env).binding.New({Napi::External<Seed>::New(env, &seed)});
}

Binding::Binding(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  Guard(info.Env(), [&] {
    if (!info[0].IsExternal()) Fail(Kind::kType, "Bindings are made by bind.");
    auto* seed = info[0].As<Napi::External<Seed>>().Data();
    session_ = std::move(seed->session);
    slots_.resize(seed->specs.size());
    for (size_t i = 0; i < slots_.size(); ++i) slots_[i].spec = std::move(seed->specs[i]);
    values_.resize(slots_.size());
    addresses_.resize(slots_.size());
    info.This().As<Napi::Object>().TypeTag(&kTag);
  });
}

std::string Binding::Describe(const SessionCore& session, size_t index) {
  const size_t inputs = session.inputs.size();
  return index < inputs ? "input '" + session.inputs[index].name + "'" : "output '" + session.outputs[index - inputs].name + "'";
}

void Binding::RequireIdle(const Napi::CallbackInfo& info) const {
  RequireReceiver(info, kTag, "a binding");
  if (!session_) Fail(Kind::kDisposed, "This binding was disposed of.");
  if (busy_) Fail(Kind::kValue, "This binding has an asynchronous run in flight: await it first.", "IN_FLIGHT");
}

OrtValue* Binding::ViewOf(const SessionCore& session, Slot& slot, const Memory& memory) {
  for (const auto& view : slot.views) {
    if (view.data == memory.data && view.value.get() != nullptr) return view.value.get();
  }
  auto& view = slot.views[slot.next];
  slot.next = (slot.next + 1) % slot.views.size();
  view.value = MakeView(session.engine, slot.spec, memory);
  view.data = memory.data;
  return view.value.get();
}

void Binding::Fill(napi_env env, napi_value list, const SessionCore& session, std::vector<std::shared_ptr<DeviceMemory>>* devices) {
  uint32_t length = 0;
  if (napi_get_array_length(env, list, &length) != napi_ok || length != slots_.size()) {
    Fail(Kind::kValue, "Expected an array of " + std::to_string(slots_.size()) + " memories: the inputs', then the outputs'.");
  }
  for (uint32_t i = 0; i < length; ++i) {
    auto& slot = slots_[i];
    napi_value item;
    if (napi_get_element(env, list, i, &item) != napi_ok) Fail(Kind::kType, "Expected a plain array of memories.");
    Memory memory = ReadMemory(env, item);
    if (memory.bytes != slot.spec.bytes || memory.data == nullptr || memory.device) {
      CheckMemory(env, item, memory, slot.spec.bytes, session.cuda, Describe(session, i));
    }
    if (devices != nullptr) {
      RefuseResizable(Napi::Value(env, item), Describe(session, i));
      if (memory.device) devices->push_back(memory.device);
    }
    values_[i] = ViewOf(session, slot, memory);
    addresses_[i] = memory.data;
  }
}

bool Binding::WritesInPlace(const SessionCore& session) const {
  const auto outputs = addresses_.begin() + static_cast<std::ptrdiff_t>(session.inputs.size());
  return std::any_of(outputs, addresses_.end(), [&](void* output) { return std::find(addresses_.begin(), outputs, output) != outputs; });
}

Napi::Value Binding::Run(const Napi::CallbackInfo& info) {
  return Guard(info.Env(), [&] {
    RequireIdle(info);
    // Reading the array may run a getter, which may call back into this binding.
    const auto held = session_;
    auto& session = *held;
    const Busy busy(busy_);
    Fill(info.Env(), info[0], session, nullptr);
    const size_t inputs = session.inputs.size();
    const BlockingRunOptions options(session);
    OrtStatus* status = session.engine->api->Run(session.session, options.get(), session.input_names.data(), values_.data(), inputs,
                                                 session.output_names.data(), values_.size() - inputs, values_.data() + inputs);
    if (status != nullptr) Check(session.engine->api, status);
    return Napi::Value();
  });
}

Napi::Value Binding::RunAsync(const Napi::CallbackInfo& info) {
  return GuardAsync(info.Env(), [&] {
    const auto env = info.Env();
    RequireIdle(info);
    const auto session = session_;
    Busy busy(busy_);
    auto devices = std::make_shared<std::vector<std::shared_ptr<DeviceMemory>>>();
    Fill(env, info[0], *session, devices.get());
    auto options = std::make_shared<RunOptions>(session->engine);
    if (session->shrinks.exchange(false)) options->Shrink();
    auto pins = Napi::Array::New(env);
    const auto memory = info[0].As<Napi::Array>();
    for (uint32_t i = 0; i < slots_.size(); ++i) pins.Set(i, Napi::Value(memory[i]));
    pins.Set(static_cast<uint32_t>(slots_.size()), info.This());
    auto& queue = AddonData::Of(env).QueueOf(env, session->engine);
    auto job = queue.NewJob(env, pins);
    job->work = [session, options, devices, this] {
      const size_t inputs = session->inputs.size();
      Check(session->engine->api,
            session->engine->api->Run(session->session, options->get(), session->input_names.data(), values_.data(), inputs,
                                      session->output_names.data(), values_.size() - inputs, values_.data() + inputs));
    };
    job->finish = [](Napi::Env env, Napi::Array) { return env.Undefined(); };
    job->release = [this] { busy_ = false; };
    // A step that was stopped in the middle of writing in place would leave neither the old values nor the new.
    if (session->interruptible && !WritesInPlace(*session)) job->interrupt = [options] { options->Terminate(); };
    busy.Keep();
    return queue.Submit(env, std::move(job), info[1]);
  });
}

Napi::Value Binding::Dispose(const Napi::CallbackInfo& info) {
  return Guard(info.Env(), [&] {
    RequireReceiver(info, kTag, "a binding");
    // The views of a run in flight belong to this object, which that run pins: only the session is let go.
    session_.reset();
    return info.Env().Undefined();
  });
}

}  // namespace hokku
