/** Operators that run as they are, forwards only. */
import type { AttributeProto } from 'onnx-buf';
import { messages } from '../../lowering/model.js';
import type { Call, Operators } from '../call.js';
import { opaque } from '../opaque.js';

/** RoiAlign counted from corners before version 16, and says so since. */
const halfPixel = (c: Call): AttributeProto[] => {
  const { onnx, protobuf } = messages();
  return c.version >= 16 ? [] : [protobuf.create(onnx.AttributeProtoSchema, { name: 'coordinate_transformation_mode', type: onnx.AttributeProto_AttributeType.STRING, s: new TextEncoder().encode('output_half_pixel') })];
};

const product = (list: readonly number[]): number => list.reduce((a, b) => a * b, 1);
const rows = (c: Call): number => c.x(0).shape[0] ?? 1;
/** Elements of regions, each cut out of all features and made so large. */
const regions = (size: (c: Call) => readonly number[]) => (c: Call): number => (c.x(1).shape[0] ?? 1) * (c.x(0).shape[1] ?? 1) * product(size(c));
/** Columns that an attribute says, for each row. */
const columns = (count: (c: Call) => number) => (c: Call): number => rows(c) * count(c);

export const OPAQUE: Operators = {
  NonMaxSuppression: opaque({ dataShape: true }), Unique: opaque({ dataShape: true }), RoiAlign: opaque({ extra: halfPixel, size: regions((c) => [c.int('output_height', 1), c.int('output_width', 1)]) }),
  MaxRoiPool: opaque({ size: regions((c) => c.list('pooled_shape') ?? []) }),
  DeformConv: opaque({ size: (c) => rows(c) * (c.x(1).shape[0] ?? 1) * product(c.x(2).shape.slice(2)) }),
  TfIdfVectorizer: opaque({ size: columns((c) => 1 + Math.max(0, ...(c.list('ngram_indexes') ?? []))) }),
};

/** Of a pool whose windows each begin in another place of what is padded. */
const padded = (c: Call): number => {
  const pads = c.list('pads') ?? [];
  return c.x(0).shape.reduce((n, d, i) => n * (i < 2 ? d : d + Math.max(0, pads[i - 2] ?? 0) + Math.max(0, pads[i - 2 + pads.length / 2] ?? 0)), 1);
};

export const OPAQUE_MICROSOFT: Operators = {
  QLinearAdd: opaque(), QLinearMul: opaque(), QLinearSigmoid: opaque(), QLinearLeakyRelu: opaque(), QLinearSoftmax: opaque(), QLinearConcat: opaque(),
  QLinearAveragePool: opaque({ size: padded }), QLinearGlobalAveragePool: opaque(), DynamicQuantizeMatMul: opaque(), MatMulIntegerToFloat: opaque(), DynamicQuantizeLSTM: opaque({ size: columns((c) => product(c.x(0).shape.slice(1, 2)) * (c.x(1).shape[0] ?? 1) * c.int('hidden_size', 1)) }),
  QAttention: opaque(), MatMulNBits: opaque({ size: (c) => product(c.x(0).shape.slice(0, -1)) * c.int('N', 1) }),
  CropAndResize: opaque({ dataShape: true, size: regions((c) => c.numbers(3) ?? []) }),
};

/** Models of tables: classical estimators and what is done to their features. */
export const OPAQUE_ML: Operators = {
  TreeEnsembleRegressor: opaque({ size: columns((c) => c.int('n_targets', 1)) }), TreeEnsembleClassifier: { ...opaque(), refuses: textLabels }, LinearRegressor: opaque({ size: columns((c) => c.int('targets', 1)) }), LinearClassifier: { ...opaque(), refuses: textLabels },
  SVMRegressor: opaque(), SVMClassifier: { ...opaque(), refuses: textLabels }, Scaler: opaque(), Normalizer: opaque(), Binarizer: opaque(), Imputer: opaque(),
  ArrayFeatureExtractor: opaque(), FeatureVectorizer: opaque({ size: columns((c) => (c.list('inputdimensions') ?? []).reduce((a, b) => a + b, 0)) }),
  OneHotEncoder: opaque({ size: (c) => product(c.x(0).shape) * Math.max(1, c.list('cats_int64s')?.length ?? 0) }),
};

function textLabels(node: { readonly attributes: ReadonlyMap<string, AttributeProto> }): string | undefined {
  return ['classlabels_strings', 'cats_strings'].some((name) => node.attributes.get(name)?.strings.length) ? 'its classes are texts, which there are no arrays of' : undefined;
}
