/**
 * Quantised models. Rounding has no derivative worth the name; asked for, it passes straight through (Bengio et al., 2013):
 * within the range as if nothing had been rounded, and not at all outside. Then quantised values stay floats.
 */
import { lax, numpy as jnp, stopGradient, type Array } from '../../jax/index.js';
import { isFloat, type DType } from '../../jax/dtypes.js';
import { conv } from './conv.js';
import { matmul } from './linear.js';
import { Call, type Operators } from '../call.js';

const RANGES: Readonly<Partial<Record<DType, readonly [number, number]>>> = { uint8: [0, 255], int8: [-128, 127], uint16: [0, 65535], int16: [-32768, 32767], int32: [-(2 ** 31), 2 ** 31 - 1] };

/** A scale or zero point beside the array: one value, one for each place along an axis, or one for each block of places. */
function beside(c: Call, p: Array, x: Array): Array {
  if (p.ndim === 0 || p.size === 1 && p.ndim <= 1) return lax.reshape(p, []);
  const axis = c.axis('axis', 1, x.ndim);
  const block = c.int('block_size', 0);
  if (p.ndim === 1 && block === 0) return lax.reshape(p, x.shape.map((d, i) => (i === axis ? d : 1)));
  const wide = jnp.repeat(p, block, { axis });
  return lax.slice(wide, x.shape.map(() => 0), x.shape);
}

const round = (x: Array): Array => lax.round(x, { roundingMethod: 'TO_NEAREST_EVEN' });

/** round(x / scale) + zero, within the range of `to`. */
function quantized(x: Array, scale: Array, zero: Array | null, to: DType, straight: boolean): Array {
  const range = RANGES[to]!;
  const level = lax.div(x, scale);
  const offset = zero && lax.convertElementType(zero, level.dtype);
  const moved = (v: Array): Array => (offset ? lax.add(v, offset) : v);
  const whole = lax.clamp(range[0], moved(round(level)), range[1]);
  if (!straight) return lax.convertElementType(whole, to);
  const soft = lax.clamp(range[0], moved(level), range[1]);
  return lax.add(soft, stopGradient(lax.sub(whole, soft)));
}

function quantize(c: Call): Array {
  const [x, scale] = [c.x(0), beside(c, c.x(1), c.x(0))];
  const zero = c.opt(2);
  const to = zero?.dtype ?? c.dtype('output_dtype', 'uint8');
  if (!RANGES[to]) throw c.fail(`quantises to ${to}, which is not supported`);
  const floats = isFloat(x.dtype) ? x : lax.convertElementType(x, scale.dtype);
  return quantized(lax.convertElementType(floats, scale.dtype), scale, zero && beside(c, zero, x), to, c.run.quantization === 'straightThrough');
}

function dequantize(c: Call): Array {
  const [x, scale] = [c.x(0), beside(c, c.x(1), c.x(0))];
  const floats = lax.convertElementType(x, scale.dtype);
  const zero = c.opt(2);
  // The zero point of floats that stand for quantised values is a whole number all the same.
  return lax.mul(zero ? lax.sub(floats, lax.convertElementType(beside(c, zero, x), scale.dtype)) : floats, scale);
}

function dynamicQuantize(c: Call): Array[] {
  const x = c.x(0);
  const [low, high] = [lax.min(jnp.min(x), c.scalar(0, x)), lax.max(jnp.max(x), c.scalar(0, x))];
  const scale = lax.div(lax.sub(high, low), 255);
  const zero = lax.convertElementType(lax.clamp(0, round(lax.div(lax.neg(low), scale)), 255), 'uint8');
  return [quantized(x, scale, zero, 'uint8', false), scale, zero];
}

const centred = (x: Array, zero: Array | null): Array => { const wide = lax.convertElementType(x, 'int32'); return zero ? lax.sub(wide, lax.convertElementType(zero, 'int32')) : wide; };

function convInteger(c: Call): Array {
  const zero = c.opt(3);
  const [x, w] = [centred(c.x(0), c.opt(2)), centred(c.x(1), zero && zero.ndim === 1 && zero.size > 1 ? lax.reshape(zero, [zero.size, ...c.x(1).shape.slice(1).map(() => 1)]) : zero && lax.reshape(zero, []))];
  // Sums of products of bytes are whole numbers that float64 holds.
  const as = (v: Array): Array => lax.convertElementType(v, 'float64');
  return lax.convertElementType(conv(new Call(c.node, [as(x), as(w)], c.run)), 'int32');
}

/** Operands and result all quantised: in floats between, as the definition says. */
function qlinear(c: Call, f: (a: Array, b: Array) => Array, weightAxis: number): Array {
  const [as, bs, ys] = [c.x(1), c.x(4), c.x(6)];
  const row = (v: Array, x: Array): Array => (v.ndim === 1 && v.size > 1 ? lax.reshape(v, x.shape.map((d, i) => (i === (weightAxis < 0 ? x.ndim + weightAxis : weightAxis) ? d : 1))) : v.size === 1 ? lax.reshape(v, []) : v);
  const real = (x: Array, scale: Array, zero: Array): Array => lax.mul(lax.convertElementType(lax.sub(lax.convertElementType(x, 'int32'), lax.convertElementType(row(zero, x), 'int32')), 'float32'), row(lax.convertElementType(scale, 'float32'), x));
  return quantized(f(real(c.x(0), as, c.x(2)), real(c.x(3), bs, c.x(5))), lax.convertElementType(ys, 'float32'), c.x(7), c.x(7).dtype, false);
}

function qlinearConv(c: Call): Array {
  const bias = c.opt(8);
  return qlinear(c, (x, w) => {
    const scale = lax.mul(lax.convertElementType(c.x(1), 'float32'), lax.convertElementType(c.x(4), 'float32'));
    const real = bias && lax.mul(lax.convertElementType(bias, 'float32'), scale.size === 1 ? lax.reshape(scale, []) : scale);
    return conv(new Call(c.node, real ? [x, w, real] : [x, w], c.run));
  }, 0);
}

const INTEGERS = 'it computes with integers';
const ROUNDS = "it rounds; import the model with { quantization: 'straightThrough' } to train through it";
export const QUANTIZATION: Operators = {
  QuantizeLinear: { run: quantize, statics: [1, 2], noGradient: ROUNDS }, DequantizeLinear: { run: dequantize, statics: [1, 2] }, DynamicQuantizeLinear: { run: dynamicQuantize, noGradient: ROUNDS },
  ConvInteger: { run: convInteger, noGradient: INTEGERS }, QLinearMatMul: { run: (c) => qlinear(c, matmul, -1), noGradient: INTEGERS }, QLinearConv: { run: qlinearConv, noGradient: INTEGERS },
};
