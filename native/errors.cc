#include "errors.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "addon_data.h"

namespace hokku {
namespace {

constexpr std::array<const char*, static_cast<size_t>(Kind::kCount)> kClassNames = {
    "EngineError",   "EngineNotFoundError", "ValueError", "TypeError",
    "ShapeError",    "DisposedError",       "AbortError", "FileFormatError",
};

constexpr const char* kCodeNames[] = {
    "OK",
    "FAIL",
    "INVALID_ARGUMENT",
    "NO_SUCHFILE",
    "NO_MODEL",
    "ENGINE_ERROR",
    "RUNTIME_EXCEPTION",
    "INVALID_PROTOBUF",
    "MODEL_LOADED",
    "NOT_IMPLEMENTED",
    "INVALID_GRAPH",
    "EP_FAIL",
    "MODEL_LOAD_CANCELED",
    "MODEL_REQUIRES_COMPILATION",
    "NOT_FOUND",
    "DEVICE_RESET",
};

/** Where the name of a C++ function, plain or with its whole signature, ends that starts at `at`. */
size_t EndOfFunction(const std::string& text, size_t at) {
  const size_t open = text.find('(', at);
  if (open != std::string::npos && open > at) {
    const size_t space = text.rfind(' ', open);
    const size_t qualified = text.find("::", space == std::string::npos || space < at ? at : space);
    if (qualified < open) {
      size_t end = open;
      for (int depth = 0; end < text.size(); ++end) {
        if (text[end] == '(') ++depth;
        if (text[end] == ')' && --depth == 0) break;
      }
      return text.compare(end + 1, 6, " const") == 0 ? end + 7 : std::min(end + 1, text.size());
    }
  }
  size_t end = at;
  while (end < text.size() && (std::isalnum(static_cast<unsigned char>(text[end])) || text[end] == '_')) ++end;
  return end < text.size() && text[end] == ' ' ? end : at;
}

/** Removes every `/path/of/the/build/file.cc:123 Function `: that machine's paths tell the reader nothing. */
void StripSourcePlaces(std::string& text) {
  for (const char* ending : {".cc:", ".h:", ".hpp:", ".cpp:", ".cu:", ".cuh:"}) {
    for (size_t at = text.find(ending); at != std::string::npos; at = text.find(ending, at)) {
      size_t end = at + std::strlen(ending);
      const size_t digits = end;
      while (end < text.size() && std::isdigit(static_cast<unsigned char>(text[end]))) ++end;
      if (end == digits || end == text.size() || text[end] != ' ') {
        at = end;
        continue;
      }
      size_t begin = at;
      while (begin > 0 && !std::strchr(" \n\t\"'", text[begin - 1])) --begin;
      end = EndOfFunction(text, end + 1);
      while (end < text.size() && text[end] == ' ') ++end;
      text.erase(begin, end - begin);
      at = begin;
    }
  }
}

/** Removes every `[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : `; the code has a property of its own. */
void StripCodes(std::string& text) {
  constexpr const char* kMark = "[ONNXRuntimeError] : ";
  for (size_t at = text.find(kMark); at != std::string::npos; at = text.find(kMark, at)) {
    size_t end = text.find(" : ", at + std::strlen(kMark));
    if (end != std::string::npos) end = text.find(" : ", end + 3);
    if (end == std::string::npos) return;
    text.erase(at, end + 3 - at);
  }
}

}  // namespace

void Fail(Kind kind, std::string message, std::string code) {
  throw Failure{kind, std::move(message), std::move(code)};
}

Failure TakeStatus(const OrtApi* api, OrtStatus* status) {
  std::string message = api->GetErrorMessage(status);
  const auto code = static_cast<size_t>(api->GetErrorCode(status));
  api->ReleaseStatus(status);
  StripSourcePlaces(message);
  StripCodes(message);
  while (!message.empty() && std::isspace(static_cast<unsigned char>(message.back()))) message.pop_back();
  return {Kind::kEngine, "ONNX Runtime: " + message, code < std::size(kCodeNames) ? kCodeNames[code] : "UNKNOWN"};
}

void Check(const OrtApi* api, OrtStatus* status) {
  if (status != nullptr) throw TakeStatus(api, status);
}

std::string Nearest(const std::string& given, const std::vector<std::string>& known) {
  std::string best;
  size_t best_distance = SIZE_MAX;
  for (const auto& candidate : known) {
    std::vector<size_t> row(candidate.size() + 1);
    for (size_t j = 0; j < row.size(); ++j) row[j] = j;
    for (size_t i = 1; i <= given.size(); ++i) {
      size_t diagonal = std::exchange(row[0], i);
      for (size_t j = 1; j < row.size(); ++j) {
        const size_t substituted = diagonal + (std::tolower(given[i - 1]) != std::tolower(candidate[j - 1]));
        diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, substituted}));
      }
    }
    if (row.back() < best_distance) {
      best_distance = row.back();
      best = candidate;
    }
  }
  return best;
}

void RequireReceiver(const Napi::CallbackInfo& info, const napi_type_tag& tag, const char* what) {
  bool matches = false;
  napi_check_object_type_tag(info.Env(), info.This(), &tag, &matches);
  if (!matches) Fail(Kind::kType, std::string("Expected ") + what + " as the receiver of its method.");
}

void ErrorClasses::Set(const Napi::Object& exported) {
  for (size_t i = 0; i < classes.size(); ++i) {
    classes[i] = Napi::Persistent(exported.Get(kClassNames[i]).As<Napi::Function>());
  }
}

Napi::Error ToError(Napi::Env env, const Failure& failure) {
  const auto& reference = AddonData::Of(env).errors.classes[static_cast<size_t>(failure.kind)];
  const auto message = Napi::String::New(env, failure.message);
  if (reference.IsEmpty()) {
    auto error = Napi::Error::New(env, failure.message);
    error.Value().Set("code", kClassNames[static_cast<size_t>(failure.kind)]);
    return error;
  }
  std::vector<napi_value> arguments{message};
  const bool takes_code = failure.kind == Kind::kEngine || failure.kind == Kind::kValue ||
                          failure.kind == Kind::kType || failure.kind == Kind::kDisposed;
  if (takes_code && !failure.code.empty()) arguments.push_back(Napi::String::New(env, failure.code));
  return Napi::Error(env, reference.New(arguments));
}

}  // namespace hokku
