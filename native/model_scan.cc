#include "model_scan.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>

namespace hokku {
namespace {

using Bytes = std::span<const uint8_t>;

struct Malformed {};

/** Field numbers of onnx.proto. */
enum Field : uint32_t {
  kModelGraph = 7,
  kModelFunctions = 25,
  kGraphNode = 1,
  kGraphInitializer = 5,
  kGraphInput = 11,
  kGraphOutput = 12,
  kGraphValueInfo = 13,
  kNodeOutput = 2,
  kNodeOpType = 4,
  kNodeAttribute = 5,
  kNodeDomain = 7,
  kAttributeGraph = 6,
  kAttributeGraphs = 11,
  kTensorName = 8,
  kValueName = 1,
  kValueType = 2,
  kTypeTensor = 1,
  kTensorElemType = 1,
  kTensorShape = 2,
  kShapeDim = 1,
  kDimValue = 1,
  kDimParam = 2,
};

/** One message, field by field. */
class Reader {
 public:
  explicit Reader(Bytes bytes) : bytes_(bytes) {}

  bool Next() {
    if (at_ == bytes_.size()) return false;
    const uint64_t key = Varint();
    field = static_cast<uint32_t>(key >> 3);
    switch (key & 7) {
      case 0: number = Varint(); break;
      case 1: Skip(8); break;
      case 2: {
        const uint64_t length = Varint();
        const size_t begin = at_;
        Skip(length);
        body = bytes_.subspan(begin, length);
        break;
      }
      case 5: Skip(4); break;
      default: throw Malformed{};
    }
    return true;
  }

  std::string Text() const { return {reinterpret_cast<const char*>(body.data()), body.size()}; }

  uint32_t field = 0;
  uint64_t number = 0;
  Bytes body;

 private:
  uint64_t Varint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (at_ == bytes_.size()) throw Malformed{};
      const uint8_t byte = bytes_[at_++];
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw Malformed{};
  }
  void Skip(uint64_t count) {
    if (count > bytes_.size() - at_) throw Malformed{};
    at_ += count;
  }

  Bytes bytes_;
  size_t at_ = 0;
};

void ReadShape(Bytes bytes, Declared& declared) {
  declared.has_shape = true;
  for (Reader shape(bytes); shape.Next();) {
    if (shape.field != kShapeDim) continue;
    int64_t size = -1;
    std::string symbol;
    for (Reader dimension(shape.body); dimension.Next();) {
      if (dimension.field == kDimValue) size = static_cast<int64_t>(dimension.number);
      if (dimension.field == kDimParam) symbol = dimension.Text();
    }
    declared.shape.push_back(size);
    declared.symbols.push_back(symbol);
  }
}

Declared ReadValueInfo(Bytes bytes) {
  Declared declared;
  for (Reader info(bytes); info.Next();) {
    if (info.field == kValueName) declared.name = info.Text();
    if (info.field != kValueType) continue;
    for (Reader type(info.body); type.Next();) {
      if (type.field != kTypeTensor) continue;
      for (Reader tensor(type.body); tensor.Next();) {
        if (tensor.field == kTensorElemType) declared.dtype = FindDType(static_cast<ONNXTensorElementDataType>(tensor.number));
        if (tensor.field == kTensorShape) ReadShape(tensor.body, declared);
      }
    }
  }
  return declared;
}

void ReadGraph(Bytes bytes, ModelScan& scan) {
  std::set<std::string> initialized;
  std::set<std::string> shaped;
  std::vector<std::string> pool_gradients;
  for (Reader graph(bytes); graph.Next();) {
    if (graph.field == kGraphInput) scan.inputs.push_back(ReadValueInfo(graph.body));
    if (graph.field == kGraphOutput || graph.field == kGraphValueInfo) {
      auto declared = ReadValueInfo(graph.body);
      if (declared.has_shape) shaped.insert(declared.name);
      if (graph.field == kGraphOutput) scan.outputs.push_back(std::move(declared));
    }
    if (graph.field == kGraphInitializer) {
      for (Reader tensor(graph.body); tensor.Next();) {
        if (tensor.field == kTensorName) initialized.insert(tensor.Text());
      }
    }
    if (graph.field == kGraphNode) {
      std::string type;
      std::string output;
      for (Reader node(graph.body); node.Next();) {
        if (node.field == kNodeOpType) type = node.Text();
        if (node.field == kNodeOutput && output.empty()) output = node.Text();
      }
      if (type == "MaxPoolGrad" || type == "AveragePoolGrad") pool_gradients.push_back(output);
    }
  }
  std::erase_if(scan.inputs, [&](const Declared& input) { return initialized.contains(input.name); });
  for (auto& name : pool_gradients) {
    if (!shaped.contains(name)) scan.unshaped_pool_gradients.push_back(std::move(name));
  }
}

/** Deeper ones the engine's parser refuses. */
constexpr int kDeepest = 100;

OperatorSet OperatorsOfGraph(Bytes bytes, int depth = 0) {
  if (depth > kDeepest) throw Malformed{};
  OperatorSet used = 0;
  for (Reader graph(bytes); graph.Next();) {
    if (graph.field != kGraphNode) continue;
    std::string type;
    bool own = false;
    for (Reader node(graph.body); node.Next();) {
      if (node.field == kNodeOpType) type = node.Text();
      if (node.field == kNodeDomain) own = node.Text() == kOperatorDomain;
      if (node.field != kNodeAttribute) continue;
      for (Reader attribute(node.body); attribute.Next();) {
        if (attribute.field == kAttributeGraph || attribute.field == kAttributeGraphs) used |= OperatorsOfGraph(attribute.body, depth + 1);
      }
    }
    if (own) used |= OperatorNamed(type);
  }
  return used;
}

/** A FlatBuffers table, every access checked. */
class Table {
 public:
  Table(Bytes bytes, size_t at) : bytes_(bytes), at_(at) {}
  /** Where the field is, or 0. */
  size_t Field(size_t id) const {
    const size_t vtable = at_ - static_cast<size_t>(static_cast<int64_t>(Get<int32_t>(bytes_, at_)));
    const size_t entry = 4 + 2 * id;
    if (entry + 2 > Get<uint16_t>(bytes_, vtable)) return 0;
    const size_t offset = Get<uint16_t>(bytes_, vtable + entry);
    return offset == 0 ? 0 : at_ + offset;
  }
  template <class T>
  static T Get(Bytes bytes, size_t at) {
    if (at > bytes.size() || bytes.size() - at < sizeof(T)) throw Malformed{};
    T value;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    return value;
  }

 private:
  Bytes bytes_;
  size_t at_;
};

}  // namespace

std::vector<uint8_t> ReadFile(const std::string& path, const std::string& what) {
  std::ifstream file(std::filesystem::path(NativePath(path)), std::ios::binary | std::ios::ate);
  const auto size = file ? static_cast<std::streamoff>(file.tellg()) : -1;
  if (size < 0) Fail(Kind::kFileFormat, "The " + what + " cannot be read.");
  std::vector<uint8_t> bytes(static_cast<size_t>(size));
  file.seekg(0);
  if (!file.read(reinterpret_cast<char*>(bytes.data()), size)) Fail(Kind::kFileFormat, "The " + what + " cannot be read.");
  return bytes;
}

ModelScan ScanModel(Bytes bytes, const std::string& what) {
  ModelScan scan;
  bool found = false;
  try {
    for (Reader model(bytes); model.Next();) {
      if (model.field != kModelGraph) continue;
      found = true;
      ReadGraph(model.body, scan);
    }
  } catch (const Malformed&) {
    found = false;
  }
  if (!found) Fail(Kind::kFileFormat, "The " + what + " is no ONNX model: it is truncated or of another format.");
  return scan;
}

OperatorSet OperatorsOf(Bytes bytes) {
  try {
    OperatorSet used = 0;
    for (Reader model(bytes); model.Next();) {
      if (model.field == kModelGraph) used |= OperatorsOfGraph(model.body);
      // Functions of a model's own are not looked into.
      if (model.field == kModelFunctions) return kAllOperators;
    }
    return used;
  } catch (const Malformed&) {
    return kAllOperators;
  }
}

bool IsNominalCheckpoint(Bytes bytes) {
  constexpr size_t kModuleState = 1;
  constexpr size_t kIsNominal = 2;
  try {
    const Table root(bytes, Table::Get<uint32_t>(bytes, 0));
    const size_t state = root.Field(kModuleState);
    if (state == 0) return false;
    const Table module(bytes, state + Table::Get<uint32_t>(bytes, state));
    const size_t nominal = module.Field(kIsNominal);
    return nominal != 0 && Table::Get<uint8_t>(bytes, nominal) != 0;
  } catch (const Malformed&) {
    return false;
  }
}

}  // namespace hokku
