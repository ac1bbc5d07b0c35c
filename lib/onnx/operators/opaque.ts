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

export const OPAQUE: Operators = {
  NonMaxSuppression: opaque({ dataShape: true }), Unique: opaque({ dataShape: true }), RoiAlign: opaque({ extra: halfPixel, size: (c) => c.int('output_height', 1) * c.int('output_width', 1) }),
  MaxRoiPool: opaque({ size: (c) => (c.list('pooled_shape') ?? []).reduce((a, b) => a * b, 1) }),
  DeformConv: opaque(), TfIdfVectorizer: opaque(),
};

export const OPAQUE_MICROSOFT: Operators = {
  QLinearAdd: opaque(), QLinearMul: opaque(), QLinearSigmoid: opaque(), QLinearLeakyRelu: opaque(), QLinearSoftmax: opaque(), QLinearConcat: opaque(),
  QLinearAveragePool: opaque(), QLinearGlobalAveragePool: opaque(), DynamicQuantizeMatMul: opaque(), MatMulIntegerToFloat: opaque(), DynamicQuantizeLSTM: opaque(),
  QAttention: opaque(), MatMulNBits: opaque(), CropAndResize: opaque(),
};

/** Models of tables: classical estimators and what is done to their features. */
export const OPAQUE_ML: Operators = {
  TreeEnsembleRegressor: opaque(), TreeEnsembleClassifier: { ...opaque(), refuses: textLabels }, LinearRegressor: opaque(), LinearClassifier: { ...opaque(), refuses: textLabels },
  SVMRegressor: opaque(), SVMClassifier: { ...opaque(), refuses: textLabels }, Scaler: opaque(), Normalizer: opaque(), Binarizer: opaque(), Imputer: opaque(),
  ArrayFeatureExtractor: opaque(), FeatureVectorizer: opaque(), OneHotEncoder: opaque(),
};

function textLabels(node: { readonly attributes: ReadonlyMap<string, AttributeProto> }): string | undefined {
  return ['classlabels_strings', 'cats_strings'].some((name) => node.attributes.get(name)?.strings.length) ? 'its classes are texts, which there are no arrays of' : undefined;
}
