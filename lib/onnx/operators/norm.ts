/** Normalisation, and dropout. */
import { range } from '../../runtime/range.js';
import { lax, numpy as jnp, random, type Array } from '../../jax/index.js';
import { canonicalAxis, dims } from '../../jax/dims.js';
import { isHalf } from '../../jax/dtypes.js';
import { perFeature } from './conv.js';
import type { Call, Operators } from '../call.js';

/** Half floats are normalised in float32. */
const wide = (x: Array): Array => (isHalf(x.dtype) ? lax.convertElementType(x, 'float32') : x);

/** (x - mean) / √(variance + eps) over axes, with what it was computed from. */
export function standardize(x: Array, axis: number[], eps: number): { y: Array; mean: Array; rstd: Array } {
  const mean = jnp.mean(x, { axis, keepdims: true });
  const centred = lax.sub(x, mean);
  const rstd = lax.rsqrt(lax.add(jnp.mean(lax.square(centred), { axis, keepdims: true }), eps));
  return { y: lax.mul(centred, rstd), mean, rstd };
}

/** The batch's own statistics while training, and the moving ones otherwise. */
function batchNorm(c: Call): (Array | null)[] {
  const [x, scale, bias, mean, variance] = [0, 1, 2, 3, 4].map((i) => c.x(i));
  const eps = c.float('epsilon', 1e-5);
  const axes = [...x.shape.keys()].filter((i) => i !== 1);
  const line = (v: Array): Array => lax.convertElementType(v, wide(x).dtype);
  const each = (v: Array): Array => (x.ndim === 1 ? line(v) : perFeature(line(v), Math.max(2, x.ndim)));
  const normalised = (m: Array, v: Array): Array => {
    const y = lax.mul(lax.sub(wide(x), m), lax.mul(lax.rsqrt(lax.add(v, eps)), each(scale)));
    return lax.convertElementType(lax.add(y, each(bias)), x.dtype);
  };
  const asked = c.version >= 14 ? c.int('training_mode', 0) === 1 : c.version < 7 && c.int('is_test', 0) === 0;
  if (!c.run.training && !asked) {
    // One product and one sum, as the engine has it, which a convolution before it takes in.
    const inverse = lax.mul(lax.rsqrt(lax.add(line(variance), eps)), line(scale));
    return [lax.convertElementType(lax.add(lax.mul(wide(x), each(inverse)), each(lax.sub(line(bias), lax.mul(line(mean), inverse)))), x.dtype)];
  }
  const m = jnp.mean(wide(x), { axis: axes, keepdims: true });
  const v = jnp.mean(lax.square(lax.sub(wide(x), m)), { axis: axes, keepdims: true });
  const momentum = c.float('momentum', 0.9);
  const moved = (old: Array, now: Array): Array => lax.add(lax.mul(old, momentum), lax.mul(lax.convertElementType(lax.reshape(now, old.shape), old.dtype), 1 - momentum));
  const news = [moved(mean, m), moved(variance, v)];
  if (c.run.training) news.forEach((value, i) => c.run.setState(c.node.inputs[3 + i], lax.stopGradient(value)));
  return [normalised(m, v), ...news];
}

function instanceNorm(c: Call): Array {
  const x = wide(c.ranked(0, 2, Infinity));
  const { y } = standardize(x, range(2, x.ndim), c.float('epsilon', 1e-5));
  const [scale, bias] = [c.x(1), c.x(2)].map((v) => perFeature(lax.convertElementType(v, x.dtype), x.ndim));
  return lax.convertElementType(lax.add(lax.mul(y, scale), bias), c.x(0).dtype);
}

/** [result, mean, inverse deviation] over the axes from `axis` on. */
export function layerNorm(x: Array, scale: Array | null, bias: Array | null, axis: number, eps: number): Array[] {
  const full = wide(x);
  const { y, mean, rstd } = standardize(full, range(axis, x.ndim), eps);
  const as = (v: Array): Array => lax.convertElementType(v, full.dtype);
  const grown = scale ? lax.mul(y, as(scale)) : y;
  return [lax.convertElementType(bias ? lax.add(grown, as(bias)) : grown, x.dtype), mean, rstd];
}

/** x / √(mean of x² + eps) · scale. */
export function rmsNorm(x: Array, scale: Array | null, axis: number, eps: number): Array {
  const full = wide(x);
  const y = lax.mul(full, lax.rsqrt(lax.add(jnp.mean(lax.square(full), { axis: range(axis, x.ndim), keepdims: true }), eps)));
  return lax.convertElementType(scale ? lax.mul(y, lax.convertElementType(scale, full.dtype)) : y, x.dtype);
}

function groupNorm(c: Call): Array {
  const x = wide(c.ranked(0, 2, Infinity));
  const groups = c.int('num_groups', 1);
  const [n, channels, ...space] = x.shape;
  const { y } = standardize(lax.reshape(x, [n, groups, dims.div(dims.mul(channels, dims.size(space)), groups)]), [2], c.float('epsilon', 1e-5));
  // Up to version 20 there was one scale for each group.
  const each = (v: Array): Array => {
    const w = lax.convertElementType(v, x.dtype);
    return perFeature(w.size === channels ? w : jnp.repeat(w, channels / groups), x.ndim);
  };
  return lax.convertElementType(lax.add(lax.mul(lax.reshape(y, x.shape), each(c.x(1))), each(c.x(2))), c.x(0).dtype);
}

/** Divides by a power of the sum of squares of neighbouring features. */
function lrn(c: Call): Array {
  const x = c.x(0);
  const size = c.int('size', 1);
  const low = Math.floor((size - 1) / 2);
  const one = x.shape.map(() => 1);
  const padding = x.shape.map((_, i): [number, number] => (i === 1 ? [low, size - 1 - low] : [0, 0]));
  const sum = lax.reduceWindow(lax.square(x), 0, lax.add, one.map((v, i) => (i === 1 ? size : v)), { windowStrides: one, padding });
  const base = lax.add(lax.mul(sum, c.float('alpha', 1e-4) / size), c.float('bias', 1));
  return lax.div(x, lax.pow(base, jnp.array(c.float('beta', 0.75), { dtype: x.dtype })));
}

function meanVariance(c: Call): Array {
  const x = c.x(0);
  const axis = c.list('axes') ?? [0, 2, 3];
  const centred = lax.sub(x, jnp.mean(x, { axis, keepdims: true }));
  return lax.div(centred, lax.add(lax.sqrt(jnp.mean(lax.square(centred), { axis, keepdims: true })), 1e-9));
}

function lpNorm(c: Call): Array {
  const x = c.x(0);
  const axis = c.axis('axis', -1);
  const norm = c.int('p', 2) === 1 ? jnp.sum(lax.abs(x), { axis, keepdims: true }) : lax.sqrt(jnp.sum(lax.square(x), { axis, keepdims: true }));
  const zero = lax.eq(norm, c.scalar(0, x));
  return lax.select(zero, c.scalar(0, x), lax.div(x, lax.select(zero, c.scalar(1, x), norm)));
}

/** Leaves the array as it is, unless training was asked for: then some elements become 0 and the others grow. */
function dropout(c: Call): Array[] {
  const x = c.x(0);
  const ratio = c.version < 12 ? c.float('ratio', 0.5) : (c.number(1) ?? 0.5);
  const asked = c.version >= 12 && c.has(2) && Boolean(c.number(2));
  if ((!c.run.training && !asked) || ratio === 0) return [x, jnp.ones(x.shape, { dtype: 'bool' })];
  const keep = random.bernoulli(c.run.key(c.where), 1 - ratio, x.shape);
  return [lax.select(keep, lax.div(x, 1 - ratio), c.scalar(0, x)), keep];
}

export const NORM: Operators = {
  BatchNormalization: batchNorm, InstanceNormalization: instanceNorm, GroupNormalization: groupNorm,
  LayerNormalization: (c) => { const x = c.x(0); return layerNorm(x, c.x(1), c.opt(2), canonicalAxis(c.int('axis', -1), x.ndim, c.where), c.float('epsilon', 1e-5)); },
  RMSNormalization: (c) => { const x = c.x(0); return rmsNorm(x, c.x(1), canonicalAxis(c.int('axis', -1), x.ndim, c.where), c.float('epsilon', 1e-5)); },
  LRN: lrn, MeanVarianceNormalization: meanVariance, LpNormalization: lpNorm, Dropout: { run: dropout, statics: [1, 2], random: true },
};
