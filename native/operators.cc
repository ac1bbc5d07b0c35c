#include "operators.h"

#include <memory>

#include "operators/callback.h"
#include "operators/fused.h"
#include "operators/linalg.h"
#include "operators/product.h"
#include "operators/qr.h"
#include "operators/random.h"

namespace hokku {
namespace {

// One operator's table of functions, and the engine that some of them need but are not given.
template <class Op>
struct Operator : OrtCustomOp {
  const OrtApi* api;

  struct Kernel {
    const OrtApi* api;
    Op op;
    Kernel(const OrtApi* used, const OrtKernelInfo* info) : api(used), op(used, info) {}
  };

  explicit Operator(const OrtApi* engine) : OrtCustomOp{}, api(engine) {
    version = HOKKU_ORT_API_VERSION;
    GetName = [](const OrtCustomOp*) { return Op::kName; };
    GetExecutionProviderType = [](const OrtCustomOp*) -> const char* { return nullptr; };
    GetInputType = [](const OrtCustomOp*, size_t i) { return Op::inputType(i); };
    GetInputTypeCount = [](const OrtCustomOp*) { return Op::kInputs; };
    GetOutputType = [](const OrtCustomOp*, size_t i) { return Op::outputType(i); };
    GetOutputTypeCount = [](const OrtCustomOp*) { return Op::kOutputs; };
    GetInputCharacteristic = [](const OrtCustomOp*, size_t i) {
      if constexpr (requires { Op::kRequired; }) {
        if (i >= Op::kRequired) return INPUT_OUTPUT_OPTIONAL;
      }
      return Op::kVariadic ? INPUT_OUTPUT_VARIADIC : INPUT_OUTPUT_REQUIRED;
    };
    GetOutputCharacteristic = [](const OrtCustomOp*, size_t) { return Op::kVariadic ? INPUT_OUTPUT_VARIADIC : INPUT_OUTPUT_REQUIRED; };
    GetInputMemoryType = [](const OrtCustomOp*, size_t) { return OrtMemTypeDefault; };
    GetVariadicInputMinArity = GetVariadicOutputMinArity = [](const OrtCustomOp*) { return 1; };
    GetVariadicInputHomogeneity = GetVariadicOutputHomogeneity = [](const OrtCustomOp*) { return 0; };
    GetStartVersion = GetEndVersion = [](const OrtCustomOp*) { return 1; };
    CreateKernelV2 = [](const OrtCustomOp*, const OrtApi* used, const OrtKernelInfo* info, void** kernel) {
      return guarded(used, [&] {
        auto made = std::make_unique<Kernel>(used, info);
        if constexpr (requires { made->op.checkOutputs(used, info); }) made->op.checkOutputs(used, info);
        *kernel = made.release();
      });
    };
    KernelComputeV2 = [](void* kernel, OrtKernelContext* context) {
      const auto* self = static_cast<const Kernel*>(kernel);
      return guarded(self->api, [&] { self->op.compute(self->api, context); });
    };
    KernelDestroy = [](void* kernel) { delete static_cast<Kernel*>(kernel); };
    InferOutputShapeFn = [](const OrtCustomOp* op, OrtShapeInferContext* context) {
      const OrtApi* engine_ = static_cast<const Operator*>(op)->api;
      return guarded(engine_, [&] { Op::infer(Inference(engine_, context)); });
    };
  }
};

template <class... Ops>
void addAll(const OrtApi* api, OrtCustomOpDomain* domain) {
  // Kept for ever on purpose: sessions read these tables as long as they live.
  (check(api->CustomOpDomain_Add(domain, new Operator<Ops>(api))), ...);
}

}  // namespace

OrtStatus* CreateOperatorDomain(const OrtApi* api, OrtCustomOpDomain** out) {
  return guarded(api, [&] {
    check(api->CreateCustomOpDomain("hokku", out));
    addAll<CallbackOp, FusedOp, RandomBitsOp, RandomSplitOp, RandomFoldInOp, QrOp, ProductOp>(api, *out);
    addAll<CholeskyOp, TriangularSolveOp, LuOp, PermutationOp, LuSolveOp, DeterminantOp, CofactorsOp, EighOp, EigvalshOp, SvdOp, SvdvalsOp, PinvOp>(api, *out);
  });
}

}  // namespace hokku
