#include "operators.h"

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/context.h"
#include "kernels/fused.h"
#include "kernels/qr.h"
#include "kernels/threefry.h"

namespace hokku {
namespace {

struct FusedOp {
  static constexpr const char* kName = "Fused";
  static constexpr size_t kInputs = 1, kOutputs = 1;
  static constexpr bool kVariadic = true;
  static ONNXTensorElementDataType inputType(size_t) { return ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED; }
  static ONNXTensorElementDataType outputType(size_t) { return ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED; }

  FusedOp(const OrtApi* api, const OrtKernelInfo* info) : kernel_(make(api, info)) {}

  static Fused make(const OrtApi* api, const OrtKernelInfo* info) {
    size_t inputs = 0, outputs = 0;
    check(api->KernelInfo_GetInputCount(info, &inputs));
    check(api->KernelInfo_GetOutputCount(info, &outputs));
    std::vector<int64_t> types(inputs);
    for (size_t i = 0; i < inputs; i++) {
      OrtTypeInfo* type = nullptr;
      check(api->KernelInfo_GetInputTypeInfo(info, i, &type));
      types[i] = typeOf(api, type);
    }
    return Fused(intsAttribute(api, info, "program"), types, outputs);
  }

  void checkOutputs(const OrtApi* api, const OrtKernelInfo* info) const {
    const auto& outputs = kernel_.program().outputs;
    for (size_t i = 0; i < outputs.size(); i++) {
      OrtTypeInfo* info_ = nullptr;
      check(api->KernelInfo_GetOutputTypeInfo(info, i, &info_));
      const auto expected = static_cast<int64_t>(outputs[i].value_or(Dtype::Bool));
      const int64_t got = typeOf(api, info_);
      if (got == expected) continue;
      throw std::invalid_argument("output " + std::to_string(i) + " of hokku.Fused has element type " +
                                  std::to_string(got) + ", its program makes " + std::to_string(expected));
    }
  }

  void compute(const OrtApi* api, OrtKernelContext* context) const {
    ContextHost host(api, context);
    size_t count = 0;
    check(api->KernelContext_GetInputCount(context, &count));
    std::vector<Tensor> inputs(count);
    for (size_t i = 0; i < count; i++) inputs[i] = host.input(i);
    kernel_.run(inputs, host);
  }

  static void infer(const Inference& inference) {
    std::vector<InferredShape> inputs(inference.inputCount());
    std::vector<int64_t> types;
    for (size_t i = 0; i < inputs.size(); i++) {
      inputs[i] = inference.input(i);
      types.push_back(inputs[i].type);
    }
    // How many outputs there are is not told here: as many as the program stores.
    const std::vector<int64_t> code = inference.ints("program");
    const Program program = parseProgram(code, types, code.size());
    for (const Loop& loop : program.loops) {
      InferredShape shape;
      for (const size_t input : loop.loads) shape = broadcastInferred(shape, inputs[input]);
      for (const Store& store : loop.stores) {
        if (store.kind == StoreKind::InPlace) continue;
        InferredShape output;
        if (store.kind == StoreKind::Output) output = shape;
        if (store.kind == StoreKind::Columns) {
          output = shape;
          const auto axes = static_cast<std::ptrdiff_t>(std::min(store.axes, shape.dims.size()));
          output.dims.erase(output.dims.begin(), output.dims.begin() + axes);
          output.names.erase(output.names.begin(), output.names.begin() + std::min(axes, static_cast<std::ptrdiff_t>(output.names.size())));
        }
        output.type = static_cast<int64_t>(loop.types[store.reg]);
        if (output.known) inference.setOutput(store.index, output);
      }
    }
    const auto last = std::find_if(program.outputs.rbegin(), program.outputs.rend(), [](auto& o) { return o.has_value(); });
    const size_t stored = static_cast<size_t>(program.outputs.rend() - last);
    InferredShape token;
    token.type = ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL;
    token.dims = {1};
    token.names = {""};
    for (size_t i = 0; i < std::max<size_t>(stored, 1); i++) {
      if (!program.outputs[i]) inference.setOutput(i, token);
    }
  }

 private:
  Fused kernel_;
};

struct RandomBitsOp {
  static constexpr const char* kName = "RandomBits";
  static constexpr size_t kInputs = 1, kOutputs = 1;
  static constexpr bool kVariadic = false;
  static ONNXTensorElementDataType inputType(size_t) { return ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32; }
  static ONNXTensorElementDataType outputType(size_t) { return ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED; }

  static int64_t typeOfWidth(int64_t width) {
    switch (width) {
      case 8: return ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8;
      case 16: return ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16;
      case 32: return ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32;
      case 64: return ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT64;
      default: throw std::invalid_argument("hokku.RandomBits: width must be 8, 16, 32 or 64");
    }
  }

  RandomBitsOp(const OrtApi* api, const OrtKernelInfo* info)
      : shape_(intsAttribute(api, info, "shape")),
        width_(static_cast<int>(intAttribute(api, info, "width"))),
        partitionable_(intAttribute(api, info, "partitionable") != 0) {
    if (std::any_of(shape_.begin(), shape_.end(), [](int64_t dim) { return dim < 0; })) {
      throw std::invalid_argument("hokku.RandomBits: a dimension of shape is negative");
    }
    OrtTypeInfo* type = nullptr;
    check(api->KernelInfo_GetOutputTypeInfo(info, 0, &type));
    if (typeOf(api, type) != typeOfWidth(width_)) {
      throw std::invalid_argument("hokku.RandomBits: the output must be an unsigned integer of width bits");
    }
  }

  void compute(const OrtApi* api, OrtKernelContext* context) const {
    ContextHost host(api, context);
    const Key key = host.key(0);
    randomBits(key, elementCount(shape_), width_, partitionable_, host.output(0, shape_), host);
  }

  static void infer(const Inference& inference) {
    InferredShape shape;
    shape.type = typeOfWidth(inference.integer("width"));
    shape.dims = inference.ints("shape");
    inference.setOutput(0, shape);
  }

 private:
  Shape shape_;
  int width_;
  bool partitionable_;
};

struct RandomSplitOp {
  static constexpr const char* kName = "RandomSplit";
  static constexpr size_t kInputs = 1, kOutputs = 1;
  static constexpr bool kVariadic = false;
  static ONNXTensorElementDataType inputType(size_t) { return ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32; }
  static ONNXTensorElementDataType outputType(size_t) { return ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32; }

  RandomSplitOp(const OrtApi* api, const OrtKernelInfo* info)
      : num_(intAttribute(api, info, "num")), partitionable_(intAttribute(api, info, "partitionable") != 0) {
    if (num_ < 0) throw std::invalid_argument("hokku.RandomSplit: num is negative");
  }

  void compute(const OrtApi* api, OrtKernelContext* context) const {
    ContextHost host(api, context);
    const Key key = host.key(0);
    const int64_t shape[] = {num_, 2};
    splitKey(key, static_cast<size_t>(num_), partitionable_, static_cast<uint32_t*>(host.output(0, shape)), host);
  }

  static void infer(const Inference& inference) {
    inference.setOutput(0, {ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32, {inference.integer("num"), 2}, {}, true});
  }

 private:
  int64_t num_;
  bool partitionable_;
};

struct RandomFoldInOp {
  static constexpr const char* kName = "RandomFoldIn";
  static constexpr size_t kInputs = 2, kOutputs = 1;
  static constexpr bool kVariadic = false;
  static ONNXTensorElementDataType inputType(size_t) { return ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32; }
  static ONNXTensorElementDataType outputType(size_t) { return ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32; }

  RandomFoldInOp(const OrtApi*, const OrtKernelInfo*) {}

  void compute(const OrtApi* api, OrtKernelContext* context) const {
    ContextHost host(api, context);
    const Tensor data = host.input(1);
    if (elementCount(data.shape) != 1) throw std::invalid_argument("hokku.RandomFoldIn: data is not a scalar");
    const Key folded = foldIn(host.key(0), *static_cast<const uint32_t*>(data.data));
    const int64_t shape[] = {2};
    std::copy_n(folded.words, 2, static_cast<uint32_t*>(host.output(0, shape)));
  }

  static void infer(const Inference& inference) {
    inference.setOutput(0, {ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32, {2}, {}, true});
  }
};

struct QrOp {
  static constexpr const char* kName = "Qr";
  static constexpr size_t kInputs = 1, kOutputs = 2;
  static constexpr bool kVariadic = false;
  static ONNXTensorElementDataType inputType(size_t) { return ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED; }
  static ONNXTensorElementDataType outputType(size_t) { return ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED; }

  QrOp(const OrtApi*, const OrtKernelInfo*) {}

  void compute(const OrtApi* api, OrtKernelContext* context) const {
    ContextHost host(api, context);
    ONNXTensorElementDataType type;
    const Tensor a = host.input(0, &type);
    if (type == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT) run<float>(a, host);
    else if (type == ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE) run<double>(a, host);
    else throw std::invalid_argument("hokku.Qr: expected float32 or float64");
  }

  template <class T>
  static void run(const Tensor& a, ContextHost& host) {
    const size_t rank = a.shape.size();
    if (rank < 2) throw std::invalid_argument("hokku.Qr: expected at least 2 dimensions");
    const int64_t m = a.shape[rank - 2], n = a.shape[rank - 1], k = std::min(m, n);
    Shape q(a.shape.begin(), a.shape.end()), r = q;
    q[rank - 1] = k;
    r[rank - 2] = k;
    T* qData = static_cast<T*>(host.output(0, q));
    T* rData = static_cast<T*>(host.output(1, r));
    qr(static_cast<const T*>(a.data), elementCount(a.shape.first(rank - 2)), static_cast<size_t>(m),
       static_cast<size_t>(n), qData, rData, host);
  }

  static void infer(const Inference& inference) {
    const InferredShape a = inference.input(0);
    const size_t rank = a.dims.size();
    if (rank < 2) return;
    InferredShape q = a, r = a;
    const int64_t m = a.dims[rank - 2], n = a.dims[rank - 1];
    const bool known = m >= 0 && n >= 0;
    q.dims[rank - 1] = r.dims[rank - 2] = known ? std::min(m, n) : -1;
    q.names[rank - 1] = r.names[rank - 2] = "";
    inference.setOutput(0, q);
    inference.setOutput(1, r);
  }
};

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
    GetInputCharacteristic = GetOutputCharacteristic = [](const OrtCustomOp*, size_t) {
      return Op::kVariadic ? INPUT_OUTPUT_VARIADIC : INPUT_OUTPUT_REQUIRED;
    };
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
    addAll<FusedOp, RandomBitsOp, RandomSplitOp, RandomFoldInOp, QrOp>(api, *out);
  });
}

}  // namespace hokku
