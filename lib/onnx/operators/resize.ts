/** Resize and what came before it: each axis by itself, as a weighted sum of a few of its places. */
import { lax, numpy as jnp, type Array } from '../../jax/index.js';
import type { DType } from '../../jax/dtypes.js';
import { Known } from '../values.js';
import { charge, checkLength, indices } from '../budget.js';
import type { Call, Operators } from '../call.js';

interface Axis { readonly from: number; readonly to: number; readonly scale: number; readonly roi: readonly [number, number] }
/** For each place of the result the places that it is made of, and their weights. */
interface Taps { readonly places: readonly (readonly number[])[]; readonly weights: readonly (readonly number[])[]; /** Outside the region of interest. */ readonly outside: readonly boolean[] }

function coordinate(c: Call, { from, to, scale, roi }: Axis, mode: string): (i: number) => number {
  const length = scale * from;
  switch (mode) {
    case 'half_pixel': return (i) => (i + 0.5) / scale - 0.5;
    case 'half_pixel_symmetric': { const adjust = to / length; const centre = from / 2; const offset = centre * (1 - adjust); return (i) => offset + (i + 0.5) / scale - 0.5; }
    case 'pytorch_half_pixel': return (i) => (length > 1 ? (i + 0.5) / scale - 0.5 : 0);
    case 'align_corners': return (i) => (length === 1 ? 0 : (i * (from - 1)) / (length - 1));
    case 'asymmetric': return (i) => i / scale;
    case 'tf_half_pixel_for_nn': return (i) => (i + 0.5) / scale;
    case 'tf_crop_and_resize': return (i) => (length === 1 ? 0.5 * (roi[0] + roi[1]) * (from - 1) : roi[0] * (from - 1) + (i * (roi[1] - roi[0]) * (from - 1)) / (length - 1));
    default: throw c.fail(`has the unknown coordinate_transformation_mode '${mode}'`);
  }
}

const NEAREST: Readonly<Record<string, (x: number) => number>> = {
  round_prefer_floor: (x) => Math.ceil(x - 0.5), round_prefer_ceil: (x) => Math.floor(x + 0.5), floor: Math.floor, ceil: Math.ceil,
};

/** Keys' cubic kernel. */
const cubic = (t: number, a: number): number => {
  const x = Math.abs(t);
  return x <= 1 ? (a + 2) * x ** 3 - (a + 3) * x ** 2 + 1 : x < 2 ? a * x ** 3 - 5 * a * x ** 2 + 8 * a * x - 4 * a : 0;
};

/** Bytes that the taps of one element take about, as they are made. */
const TAPS = 512;

function taps(c: Call, axis: Axis, o: { mode: string; coordinates: string; nearest: string; a: number; exclude: boolean; antialias: boolean; extrapolate: boolean }): Taps {
  const at = coordinate(c, axis, o.coordinates);
  const edge = (i: number): number => Math.min(Math.max(i, 0), axis.from - 1);
  charge(axis.to * TAPS);
  const all = indices(axis.to).map((i) => {
    const x = at(i);
    const outside = o.extrapolate && (x < 0 || x > axis.from - 1);
    if (o.mode === 'nearest') return { places: [edge(NEAREST[o.nearest](x))], weights: [1], outside };
    const kernel = o.mode === 'linear' ? (t: number) => Math.max(0, 1 - Math.abs(t)) : (t: number) => cubic(t, o.a);
    // Made smaller with antialiasing, the kernel is as wide as what becomes one element.
    const narrow = o.antialias && axis.scale < 1 ? axis.scale : 1;
    const reach = (o.mode === 'linear' ? 1 : 2) / narrow;
    const [first, last] = [Math.floor(x - reach) + 1, Math.ceil(x + reach) - 1];
    const near = indices(Math.max(1, last - first + 1)).map((k) => first + k);
    const sum = new Map<number, number>();
    let total = 0;
    for (const k of near) {
      const w = kernel((k - x) * narrow);
      if (w === 0 || (o.exclude && k !== edge(k))) continue;
      total += w;
      sum.set(edge(k), (sum.get(edge(k)) ?? 0) + w);
    }
    const scale = o.exclude || narrow < 1 ? 1 / total : 1;
    return { places: [...sum.keys()], weights: [...sum.values()].map((w) => w * scale), outside };
  });
  return { places: all.map((t) => t.places), weights: all.map((t) => t.weights), outside: all.map((t) => t.outside) };
}

const row = (dtype: DType, values: readonly number[]): Array => new Known(dtype, [values.length], values).array;

function along(x: Array, axis: number, { places, weights }: Taps): Array {
  const [n, m] = [x.shape[axis], places.length];
  const count = Math.max(...places.map((p) => p.length));
  if (count === 1 && weights.every((w) => w[0] === 1)) {
    const times = m / n;
    if (Number.isInteger(times) && places.every((p, i) => p[0] === Math.floor(i / times))) return jnp.repeat(x, times, { axis });
    return jnp.take(x, row('int64', places.map((p) => p[0])), { axis, mode: 'clip' });
  }
  if (count > 4) {
    checkLength(n * m);
    const matrix = places.flatMap((p, i) => { const line = globalThis.Array<number>(n).fill(0); p.forEach((k, j) => { line[k] += weights[i][j]; }); return line; });
    const out = lax.dotGeneral(x, new Known(x.dtype, [m, n], matrix).array, [[[axis], [1]], [[], []]]);
    return jnp.moveaxis(out, out.ndim - 1, axis);
  }
  return indices(count).map((k) => {
    const part = jnp.take(x, row('int64', places.map((p) => p[k] ?? 0)), { axis, mode: 'clip' });
    return lax.mul(part, lax.reshape(row(x.dtype, weights.map((w) => w[k] ?? 0)), x.shape.map((_, i) => (i === axis ? m : 1))));
  }).reduce(lax.add);
}

function resize(c: Call): Array {
  const given = c.x(0);
  const old = c.version < 11;
  const axes = c.axes(-1, given.ndim) ?? [...given.shape.keys()];
  const scaleInput = old ? 1 : 2;
  const sizes = old ? null : c.numbers(3);
  const scalesGiven = c.floats('scales') ?? (c.has(scaleInput) ? c.numbers(scaleInput) : null);
  const scales = scalesGiven?.length ? scalesGiven : null;
  const roi = old || !c.has(1) ? null : c.numbers(1);
  const coordinates = old ? 'asymmetric' : c.text('coordinate_transformation_mode', 'half_pixel');
  const mode = c.text('mode', 'nearest').replace('bilinear', 'linear');
  const policy = c.text('keep_aspect_ratio_policy', 'stretch');
  const options = {
    mode, coordinates, nearest: old ? 'floor' : c.text('nearest_mode', 'round_prefer_floor'), a: c.float('cubic_coeff_a', -0.75),
    exclude: c.int('exclude_outside', 0) === 1, antialias: c.int('antialias', 0) === 1, extrapolate: coordinates === 'tf_crop_and_resize',
  };
  if (!['nearest', 'linear', 'cubic'].includes(mode) || !NEAREST[options.nearest]) throw c.fail(`has the unknown mode '${mode}' or '${options.nearest}'`);
  const ratios = sizes?.map((s, k) => s / given.shape[axes[k]]);
  const common = !ratios || policy === 'stretch' ? null : policy === 'not_larger' ? Math.min(...ratios) : Math.max(...ratios);
  let x = given;
  let outside: Array | null = null;
  axes.forEach((axis, k) => {
    const from = given.shape[axis];
    const scale = common ?? ratios?.[k] ?? scales?.[k];
    if (scale === undefined) throw c.fail('says neither sizes nor scales');
    const to = common !== null ? Math.floor(common * from + 0.5) : (sizes?.[k] ?? Math.floor(from * scale));
    if (from === to && scale === 1 && !options.extrapolate) return;
    const t = taps(c, { from, to, scale, roi: roi?.length ? [roi[k], roi[k + axes.length]] : [0, 1] }, options);
    x = along(x, axis, t);
    if (t.outside.some(Boolean)) {
      const line = lax.reshape(row('bool', t.outside.map(Number)), given.shape.map((_, i) => (i === axis ? to : 1)));
      outside = outside ? lax.bitwiseOr(outside, line) : line;
    }
  });
  return outside ? lax.select(outside, c.scalar(c.float('extrapolation_value', 0), x), x) : x;
}

/** Samples of an image at points that the data gives, between -1 and 1. */
function gridSample(c: Call): Array {
  const x = c.ranked(0, 3, Infinity);
  const grid = c.ranked(1, x.ndim);
  const mode = c.text('mode', 'linear').replace('bilinear', 'linear').replace('bicubic', 'cubic');
  const padding = c.text('padding_mode', 'zeros');
  const corners = c.int('align_corners', 0) === 1;
  const space = x.shape.slice(2);
  const n = space.length;
  const [batch, channels] = x.shape;
  const places = grid.shape.slice(1, -1);
  const reflected = (at: Array, size: number): Array => {
    const [low, high] = corners ? [0, size - 1] : [-0.5, size - 0.5];
    const span = high - low;
    if (span === 0) return lax.mul(at, 0);
    const off = lax.abs(lax.sub(at, low));
    const turns = lax.floor(lax.div(off, span));
    const rest = lax.sub(off, lax.mul(turns, span));
    const odd = lax.eq(lax.sub(turns, lax.mul(lax.floor(lax.div(turns, 2)), 2)), c.scalar(1, at));
    return lax.add(lax.select(odd, lax.sub(span, rest), rest), low);
  };
  // The last axis names the coordinates from the last axis of space to the first.
  const points = space.map((size, i) => {
    const g = lax.reshape(lax.sliceInDim(grid, n - 1 - i, n - i, { axis: grid.ndim - 1 }), [batch, ...places]);
    const at = corners ? lax.mul(lax.div(lax.add(g, 1), 2), size - 1) : lax.div(lax.sub(lax.mul(lax.add(g, 1), size), 1), 2);
    const wanted = padding === 'border' ? lax.clamp(0, at, size - 1) : padding === 'reflection' ? reflected(at, size) : at;
    return mode === 'nearest' ? lax.round(wanted, { roundingMethod: 'TO_NEAREST_EVEN' }) : wanted;
  });
  const flat = lax.reshape(lax.transpose(x, [0, ...space.map((_, i) => i + 2), 1]), [batch * space.reduce((a, b) => a * b, 1), channels]);
  const steps = mode === 'nearest' ? [0] : mode === 'linear' ? [0, 1] : [-1, 0, 1, 2];
  const corner = (offsets: readonly number[]): Array => {
    let rows: Array = lax.broadcastedIota('int32', [batch, ...places.map(() => 1)], 0);
    let weight: Array | null = null;
    let inside: Array | null = null;
    offsets.forEach((o, i) => {
      const base = mode === 'nearest' ? points[i] : lax.floor(points[i]);
      let at = lax.add(base, o);
      if (mode !== 'nearest') {
        const t = lax.sub(points[i], lax.stopGradient(at));
        const d = lax.abs(t);
        const w = mode === 'linear' ? lax.sub(1, d) : lax.select(lax.le(d, c.scalar(1, d)),
          lax.add(lax.mul(lax.sub(lax.mul(d, 1.25), 2.25), lax.square(d)), 1),
          lax.mul(lax.sub(lax.mul(lax.add(lax.sub(lax.square(d), lax.mul(d, 5)), 8), d), 4), -0.75));
        weight = weight ? lax.mul(weight, w) : w;
      }
      if (padding === 'reflection' && mode === 'cubic') at = reflected(at, space[i]);
      const valid = lax.bitwiseAnd(lax.ge(at, c.scalar(0, at)), lax.le(at, c.scalar(space[i] - 1, at)));
      inside = inside ? lax.bitwiseAnd(inside, valid) : valid;
      rows = lax.add(lax.mul(rows, space[i]), lax.convertElementType(lax.clamp(0, at, space[i] - 1), 'int32'));
    });
    const seen = jnp.take(flat, jnp.broadcastTo(rows, [batch, ...places]), { axis: 0, mode: 'clip' });
    const shaped = (v: Array): Array => lax.reshape(v, [...v.shape, 1]);
    const kept = padding === 'zeros' ? lax.select(jnp.broadcastTo(shaped(inside!), seen.shape), seen, c.scalar(0, seen)) : seen;
    return weight ? lax.mul(kept, shaped(weight)) : kept;
  };
  const all = space.reduce<number[][]>((list) => list.flatMap((at) => steps.map((o) => [...at, o])), [[]]);
  return jnp.moveaxis(all.map(corner).reduce(lax.add), n + 1, 1);
}

/** Points of a grid under an affine map: [batch, …space, n]. */
function affineGrid(c: Call): Array {
  const theta = c.ranked(0, 3);
  const [batch, , ...space] = c.given(1);
  if (space.length !== 2 && space.length !== 3) throw c.fail(`makes a grid of ${space.length} axes, expected 2 or 3`);
  const corners = c.int('align_corners', 0) === 1;
  const lines = space.map((d, i) => {
    const values = indices(d).map((k) => (corners ? (d === 1 ? 0 : -1 + (2 * k) / (d - 1)) : -1 + (2 * k + 1) / d));
    return jnp.broadcastTo(lax.reshape(row(theta.dtype, values), space.map((n, a) => (a === i ? n : 1))), space);
  });
  const base = lax.stack([...lines.reverse(), jnp.ones(space, { dtype: theta.dtype })], { axis: -1 });
  const flat = lax.reshape(base, [space.reduce((a, b) => a * b, 1), space.length + 1]);
  return lax.reshape(lax.transpose(lax.dotGeneral(theta, flat, [[[2], [1]], [[], []]]), [0, 2, 1]), [batch, ...space, space.length]);
}

export const RESIZE: Operators = {
  Resize: { run: resize, statics: [1, 2, 3] }, Upsample: { run: resize, statics: [1] },
  GridSample: gridSample, AffineGrid: { run: affineGrid, statics: [1] },
};
