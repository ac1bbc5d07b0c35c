/** Normalisation within each example: `LayerNorm` and `InstanceNorm`, and what norms share about their axes. */
import { lax, numpy as jnp, type Array } from '../../jax/index.js';
import { ValueError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import { Module, module, type ModuleOptions } from '../module.js';
import { getParameter } from '../parameters.js';
import type { Initializer } from '../types.js';
import { asInput, checkGiven, checkInit, getChannelIndex } from './layout.js';

/** One axis, several, or a range of them as Python's `start:stop:step`. */
export type Axes = number | readonly number[] | jnp.Range;

/** @throws ValueError for what is none of these. */
export function checkAxes(where: string, axis: unknown): readonly number[] | jnp.Range {
  if (Number.isInteger(axis)) return [axis as number];
  if (globalThis.Array.isArray(axis)) {
    if (axis.every((a) => Number.isInteger(a))) return axis as number[];
  } else if (typeof axis === 'object' && axis !== null && Object.keys(axis).every((key) => ['start', 'stop', 'step'].includes(key))) return axis as jnp.Range;
  throw new ValueError(`${where}: \`axis\` should be an integer, a list of integers or { start, stop, step }, but got ${JSON.stringify(axis)}.`);
}

/** The axes of an array of this rank, from 0, in order and each once. */
export function resolveAxes(where: string, axis: readonly number[] | jnp.Range, ndim: number): number[] {
  if (!('length' in axis)) {
    const { start, stop, step } = axis as jnp.Range;
    const by = step ?? 1;
    if (by === 0) throw new ValueError(`${where}: the step of \`axis\` cannot be zero.`);
    const [low, high] = by > 0 ? [0, ndim] : [-1, ndim - 1];
    const bound = (at: number | null | undefined, otherwise: number): number => Math.min(high, Math.max(low, at === null || at === undefined ? otherwise : at < 0 ? at + ndim : at));
    const [from, to] = by > 0 ? [bound(start, low), bound(stop, high)] : [bound(start, high), bound(stop, low)];
    const axes: number[] = [];
    for (let a = from; by > 0 ? a < to : a > to; a += by) axes.push(a);
    return axes.sort((a, b) => a - b);
  }
  for (const a of axis) if (a < -ndim || a >= ndim) throw new ValueError(`${where}: axis ${a} is out of range for an input of rank ${ndim}.`);
  return [...new Set(axis.map((a) => (a < 0 ? a + ndim : a)))].sort((a, b) => a - b);
}

/** As `resolveAxes`. @throws ValueError for an axis that is given twice. */
export function distinctAxes(where: string, axis: readonly number[] | jnp.Range, ndim: number): number[] {
  const axes = resolveAxes(where, axis, ndim);
  if ('length' in axis && axes.length !== axis.length) throw new ValueError(`${where}: each axis may be given once, but \`axis\` is [${axis as readonly number[]}].`);
  return axes;
}

/** The shape of scale and offset: `[last]` where the last axis alone has them, else of full rank with 1 elsewhere. */
export const paramShape = (x: Array, axes: readonly number[]): number[] =>
  (axes.length === 1 && axes[0] === x.ndim - 1 ? x.shape.slice(-1) : x.shape.map((size, i) => (axes.includes(i) ? size : 1)));

interface NormOptions extends ModuleOptions {
  /** Added to the variance; default 1e-5. */
  eps?: number;
  /** Default ones. */
  scaleInit?: Initializer | undefined;
  /** Default zeros. */
  offsetInit?: Initializer | undefined;
}

export interface LayerNormOptions extends NormOptions {
  /** The variance as E[x²] - E[x]², in one pass but less exact; default false. */
  useFastVariance?: boolean;
  /** The axes that scale and offset differ along; default the last. */
  paramAxis?: Axes | undefined;
}

/**
 * Normalises every example by its own mean and variance over `axis` (Ba et al. 2016): `scale · rsqrt(var + eps) · (x -
 * mean) + offset`. Parameters, in the dtype of the input: `scale`, `offset`, `[last]`, or with another `paramAxis` of full
 * rank with 1 elsewhere; where they are not created they can be given at the call.
 *
 * ```ts
 * const y = new hk.LayerNorm(-1, true, true)(x);
 * ```
 * @throws ValueError for axes that are none or out of range, an initialiser of what is not created, a value of what is.
 */
@module('layer_norm')
export class LayerNorm extends Module<(inputs: Array, scale?: Array, offset?: Array) => Array> {
  readonly axis: readonly number[] | jnp.Range;
  readonly createScale: boolean;
  readonly createOffset: boolean;
  readonly eps: number;
  readonly scaleInit: Initializer;
  readonly offsetInit: Initializer;
  readonly useFastVariance: boolean;
  readonly paramAxis: readonly number[] | jnp.Range;

  constructor(axis: Axes, createScale: boolean, createOffset: boolean, options?: LayerNormOptions) {
    const { eps = 1e-5, scaleInit, offsetInit, useFastVariance = false, paramAxis, name }
      = checkOptions('hk.LayerNorm', options, ['eps', 'scaleInit', 'offsetInit', 'useFastVariance', 'paramAxis', 'name']);
    super(name);
    const where = `hk.${this.constructor.name}`;
    checkInit(where, 'scale', createScale, scaleInit);
    checkInit(where, 'offset', createOffset, offsetInit);
    this.axis = checkAxes(where, axis);
    this.createScale = createScale;
    this.createOffset = createOffset;
    this.eps = eps;
    this.scaleInit = scaleInit ?? jnp.ones;
    this.offsetInit = offsetInit ?? jnp.zeros;
    this.useFastVariance = useFastVariance;
    this.paramAxis = checkAxes(where, paramAxis ?? -1);
  }

  override call(inputs: Array, scale?: Array, offset?: Array): Array {
    const where = `hk.${this.constructor.name}`;
    checkGiven(where, 'scale', this.createScale, scale);
    checkGiven(where, 'offset', this.createOffset, offset);
    const x = asInput(`hk.${this.constructor.name}`, 'inputs', inputs);
    const axis = resolveAxes(where, this.axis, x.ndim);
    const mean = jnp.mean(x, { axis, keepdims: true });
    const variance = this.useFastVariance ? jnp.mean(jnp.square(x), { axis, keepdims: true }).sub(jnp.square(mean)) : jnp.var(x, { axis, keepdims: true });
    const shape = paramShape(x, resolveAxes(where, this.paramAxis, x.ndim));
    const scaled = this.createScale ? getParameter('scale', shape, { dtype: x.dtype, init: this.scaleInit }) : scale;
    const shift = this.createOffset ? getParameter('offset', shape, { dtype: x.dtype, init: this.offsetInit }) : offset;
    const inverse = lax.rsqrt(variance.add(this.eps));
    const out = (scaled ? jnp.multiply(scaled, inverse) : inverse).mul(x.sub(mean));
    return shift ? out.add(shift) : out;
  }
}

export interface InstanceNormOptions extends NormOptions {
  /** Default `channels_last`. */
  dataFormat?: string;
}

/**
 * Normalises every channel of every example over its spatial axes (Ulyanov et al. 2016). Parameters: `scale`, `offset`,
 * `[C]`, or `[1, C, 1, …]` channels first.
 */
@module('instance_norm')
export class InstanceNorm extends LayerNorm {
  constructor(createScale: boolean, createOffset: boolean, options?: InstanceNormOptions) {
    const { dataFormat = 'channels_last', ...rest } = checkOptions('hk.InstanceNorm', options, ['eps', 'scaleInit', 'offsetInit', 'dataFormat', 'name']);
    const paramAxis = getChannelIndex(dataFormat);
    super(paramAxis === 1 ? { start: 2 } : { start: 1, stop: -1 }, createScale, createOffset, { ...rest, paramAxis });
  }
}
