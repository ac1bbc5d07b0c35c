#include "operators.h"

#include <memory>

#include "operators/callback.h"
#include "operators/convolution.h"
#include "operators/fused.h"
#include "operators/linalg.h"
#include "operators/packed_product.h"
#include "operators/pool.h"
#include "operators/product.h"
#include "operators/random.h"
#include "operators/segment_sum.h"
#include "operators/sequence.h"

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

// The domain's operators, in the order of their bits.
template <class... Ops>
struct Operators {
  static OperatorSet named(std::string_view name) {
    OperatorSet bit = 1, found = 0;
    ((found |= name == Ops::kName ? bit : 0, bit <<= 1), ...);
    return found;
  }
  static void add(const OrtApi* api, OrtCustomOpDomain* domain, OperatorSet which) {
    OperatorSet bit = 1;
    // Kept for ever on purpose: sessions read these tables as long as they live.
    ((which & bit ? check(api->CustomOpDomain_Add(domain, new Operator<Ops>(api))) : void(), bit <<= 1), ...);
  }
};
using All = Operators<CallbackOp, FusedOp, SequenceOp, RandomBitsOp, RandomSplitOp, RandomFoldInOp, QrOp, ProductOp, SegmentSumOp, ConvOp, ConvKernelGradientOp, PoolOp, MaxPoolGradientOp, PackMatrixOp, PackedProductOp,
                      CholeskyOp, TriangularSolveOp, LuOp, PermutationOp, LuSolveOp, DeterminantOp, CofactorsOp, EighOp, EigvalshOp, SvdOp, SvdvalsOp, PinvOp>;

}  // namespace

OperatorSet OperatorNamed(std::string_view name) {
  const OperatorSet found = All::named(name);
  return found ? found : kAllOperators;
}

OrtStatus* OperatorDomains::Get(OperatorSet which, OrtCustomOpDomain** out) {
  return guarded(api_, [&] {
    std::lock_guard lock(mutex_);
    auto& domain = made_[which];
    if (which && domain == nullptr) {
      check(api_->CreateCustomOpDomain(kOperatorDomain.data(), &domain));
      All::add(api_, domain, which);
    }
    *out = domain;
  });
}

}  // namespace hokku
