/** com.microsoft's operators: what ONNX Runtime's optimizer makes of a model. All by decomposition. */
import { lax, nn, type Array } from '../../jax/index.js';
import { canonicalAxis } from '../../jax/dims.js';
import { ATTENTION_MICROSOFT } from './attention.js';
import { conv } from './conv.js';
import { fusedMatMul, gemm } from './linear.js';
import { QUANTIZATION } from './quantization.js';
import { layerNorm, rmsNorm } from './norm.js';
import type { Call, Operators } from '../call.js';

const ACTIVATIONS: Readonly<Record<string, (x: Array, c: Call) => Array>> = {
  Relu: nn.relu, Sigmoid: lax.logistic, Tanh: lax.tanh,
  LeakyRelu: (x, c) => nn.leakyRelu(x, { negativeSlope: c.floats('activation_params')?.[0] ?? c.float('activation_alpha', 0.01) }),
  Clip: (x, c) => { const [low = 0, high = 6] = c.floats('activation_params') ?? []; return lax.clamp(low, x, high); },
  HardSigmoid: (x, c) => { const [alpha = 0.2, beta = 0.5] = c.floats('activation_params') ?? []; return lax.clamp(0, lax.add(lax.mul(x, alpha), beta), 1); },
};
function activated(c: Call, x: Array): Array {
  const name = c.text('activation', '');
  if (name === '') return x;
  const f = Object.hasOwn(ACTIVATIONS, name) ? ACTIVATIONS[name] : null;
  if (!f) throw c.fail(`has the unknown activation '${name}'`);
  return f(x, c);
}

const biased = (c: Call): Array => (c.has(1) ? lax.add(c.x(0), c.x(1)) : c.x(0));
const axisOf = (c: Call, x: Array): number => canonicalAxis(c.int('axis', -1), x.ndim, c.where);

export const MICROSOFT: Operators = {
  ...ATTENTION_MICROSOFT,
  FusedMatMul: fusedMatMul, TransposeMatMul: fusedMatMul, FusedGemm: (c) => activated(c, gemm(c)),
  FusedConv: (c) => { const y = conv(c); return activated(c, c.has(3) ? lax.add(y, c.x(3)) : y); },
  Gelu: (c) => nn.gelu(c.x(0), { approximate: false }), BiasGelu: (c) => nn.gelu(biased(c), { approximate: false }), FastGelu: (c) => nn.gelu(biased(c)),
  QuickGelu: (c) => { const x = c.x(0); return lax.mul(x, lax.logistic(lax.mul(x, c.float('alpha', 1.702)))); },
  BiasAdd: (c) => lax.add(lax.add(c.x(0), c.x(1)), c.x(2)),
  LayerNormalization: (c) => layerNorm(c.x(0), c.x(1), c.opt(2), axisOf(c, c.x(0)), c.float('epsilon', 1e-5)),
  SimplifiedLayerNormalization: (c) => rmsNorm(c.x(0), c.x(1), axisOf(c, c.x(0)), c.float('epsilon', 1e-5)),
  QuantizeLinear: QUANTIZATION.QuantizeLinear, DequantizeLinear: QUANTIZATION.DequantizeLinear,
};
/** ONNX Runtime writes these two into ONNX's own domain. */
export const UNOFFICIAL: Operators = { SimplifiedLayerNormalization: MICROSOFT.SimplifiedLayerNormalization };
