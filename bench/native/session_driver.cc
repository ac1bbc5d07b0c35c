/**
 * The calls of a TrainingSession's step and nothing else: what the engine itself costs, to hold ours against.
 *
 *   session_driver LIBRARY DIRECTORY classic|in-graph
 *
 * DIRECTORY holds training artifacts, and `inputs.txt` with the learning rate, which the engine does not read from the checkpoint,
 * and a line for each input of the training model: its ONNX element type, its bytes, its dimensions; the bytes themselves follow
 * one another in `inputs.bin`, batch after batch. Speaks the protocol of bench/protocol.ts.
 */
#include <dlfcn.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "../../native/ort_api.h"

static const OrtApi* api;

static void check(OrtStatus* status) {
  if (status == nullptr) return;
  std::cerr << api->GetErrorMessage(status) << "\n";
  std::exit(1);
}

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const std::string directory = argv[2], style = argv[3];
  void* library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return std::cerr << dlerror() << "\n", 1;
  auto base = reinterpret_cast<const OrtApiBase* (*)()>(dlsym(library, "OrtGetApiBase"))();
  api = base->GetApi(HOKKU_ORT_API_VERSION);
  const OrtTrainingApi* training = api->GetTrainingApi(HOKKU_ORT_API_VERSION);
  if (training == nullptr) return std::cerr << argv[1] << " was built without training\n", 1;

  OrtEnv* env;
  OrtSessionOptions* options;
  OrtCheckpointState* checkpoint;
  OrtTrainingSession* session;
  OrtMemoryInfo* memory;
  check(api->CreateEnv(ORT_LOGGING_LEVEL_ERROR, "driver", &env));
  check(api->CreateSessionOptions(&options));
  check(training->LoadCheckpoint((directory + "/checkpoint").c_str(), &checkpoint));
  const std::string optimizer = directory + "/optimizer_model.onnx";
  check(training->CreateTrainingSession(env, options, checkpoint, (directory + "/training_model.onnx").c_str(), nullptr,
                                        style == "classic" ? optimizer.c_str() : nullptr, &session));
  check(api->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &memory));

  std::ifstream binary(directory + "/inputs.bin", std::ios::binary);
  std::vector<char> bytes((std::istreambuf_iterator<char>(binary)), {});
  std::ifstream text(directory + "/inputs.txt");
  std::vector<std::string> lines;
  std::string rate;
  std::getline(text, rate);
  if (style == "classic") check(training->SetLearningRate(session, std::stof(rate)));
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  std::vector<std::vector<OrtValue*>> batches;
  for (size_t offset = 0; offset < bytes.size();) {
    batches.emplace_back();
    for (const auto& line : lines) {
      std::istringstream words(line);
      int type;
      size_t length;
      words >> type >> length;
      std::vector<int64_t> shape((std::istream_iterator<int64_t>(words)), {});
      batches.back().push_back(nullptr);
      check(api->CreateTensorWithDataAsOrtValue(memory, bytes.data() + offset, length, shape.data(), shape.size(),
                                                static_cast<ONNXTensorElementDataType>(type), &batches.back().back()));
      offset += length;
    }
  }
  size_t count;
  check(training->TrainingSessionGetTrainingModelOutputCount(session, &count));
  std::vector<OrtValue*> outputs(count);

  std::cout << "{\"ready\": \"C++ driver\", \"variants\": [\"session, " << style << "\"]}" << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    const size_t at = line.find("\"steps\":");
    if (at == std::string::npos) {
      rusage usage;
      getrusage(RUSAGE_SELF, &usage);
      std::cout << "{\"bytes\": " << usage.ru_maxrss * 1024 << "}" << std::endl;
      continue;
    }
    const long steps = std::atol(line.c_str() + at + std::strlen("\"steps\":"));
    const auto begin = std::chrono::steady_clock::now();
    for (long i = 0; i < steps; i++) {
      const auto& inputs = batches[i % batches.size()];
      check(training->TrainStep(session, nullptr, inputs.size(), inputs.data(), outputs.size(), outputs.data()));
      for (OrtValue*& output : outputs) api->ReleaseValue(output), output = nullptr;
      if (style != "classic") continue;
      check(training->OptimizerStep(session, nullptr));
      check(training->LazyResetGrad(session));
    }
    const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - begin).count();
    std::cout << "{\"ns\": " << ns << "}" << std::endl;
  }
  std::_Exit(0);  // the engine's threads need no orderly end
}
