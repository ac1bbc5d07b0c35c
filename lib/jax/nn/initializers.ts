/** `jax.nn.initializers`: functions that make functions of a key and a shape. */
import { checkOptions } from '../../runtime/options.js';
import { ShapeError, ValueError } from '../../runtime/errors.js';
import type { NDArray } from '../array.js';
import { canonicalAxis, dims, formatShape, type Shape } from '../dims.js';
import type { DType } from '../dtypes.js';
import * as jnp from '../numpy/creation.js';
import { mul } from '../primitives/arithmetic.js';
import { moveAxis, pad, reshape } from '../primitives/shape.js';
import { rounded } from '../random/common.js';
import * as random from '../random/index.js';

interface DTypeOption { dtype?: DType }
/** Makes an array of a shape from a key; the dtype given here goes before the initializer's own. */
export type Initializer = (key: NDArray, shape: Shape, options?: DTypeOption) => NDArray;

const initializer = (name: string, dtype: DType | undefined, make: (key: NDArray, shape: Shape, dtype: DType) => NDArray): Initializer =>
  (key, shape, options) => make(key, shape, checkOptions(`nn.initializers.${name}`, options, ['dtype']).dtype ?? dtype ?? 'float32');
/** x times a number that is rounded to x's dtype first. */
const scaled = (x: NDArray, by: number): NDArray => mul(x, by);

export const zeros: Initializer = initializer('zeros', undefined, (_key, shape, dtype) => jnp.zeros(shape, { dtype }));
export const ones: Initializer = initializer('ones', undefined, (_key, shape, dtype) => jnp.ones(shape, { dtype }));
/** Every element is `value`, which may be an array that broadcasts. */
export const constant = (value: jnp.ArrayLike, options?: DTypeOption): Initializer =>
  initializer('constant', checkOptions('nn.initializers.constant', options, ['dtype']).dtype, (_key, shape, dtype) => jnp.full(shape, value, { dtype }));
/** Uniform in [0, scale). */
export function uniform(options?: DTypeOption & { scale?: number }): Initializer {
  const { scale = 0.01, dtype } = checkOptions('nn.initializers.uniform', options, ['scale', 'dtype']);
  return initializer('uniform', dtype, (key, shape, to) => scaled(random.uniform(key, shape, { dtype: to }), scale));
}
/** Normal with a standard deviation. */
export function normal(options?: DTypeOption & { stddev?: number }): Initializer {
  const { stddev = 0.01, dtype } = checkOptions('nn.initializers.normal', options, ['stddev', 'dtype']);
  return initializer('normal', dtype, (key, shape, to) => scaled(random.normal(key, shape, { dtype: to }), stddev));
}
/** Normal within [lower, upper], times `stddev`. */
export function truncatedNormal(options?: DTypeOption & { stddev?: number; lower?: number; upper?: number }): Initializer {
  const { stddev = 0.01, dtype, lower = -2, upper = 2 } = checkOptions('nn.initializers.truncatedNormal', options, ['stddev', 'dtype', 'lower', 'upper']);
  return initializer('truncatedNormal', dtype, (key, shape, to) => scaled(random.truncatedNormal(key, lower, upper, shape, { dtype: to }), stddev));
}

export interface FanOptions extends DTypeOption { inAxis?: number | readonly number[]; outAxis?: number | readonly number[]; batchAxis?: number | readonly number[] }
const FAN = ['inAxis', 'outAxis', 'batchAxis', 'dtype'] as const;
export type FanMode = 'fan_in' | 'fan_out' | 'fan_avg' | 'fan_geo_avg';
export type Distribution = 'truncated_normal' | 'normal' | 'uniform';

function fans(shape: Shape, { inAxis = -2, outAxis = -1, batchAxis = [] }: FanOptions): [number, number] {
  const where = 'nn.initializers.varianceScaling';
  if (inAxis === -2 && shape.length < 2) throw new ValueError(`${where}: a weight of shape ${formatShape(shape)} has no axis -2 to take the fan-in from; give inAxis.`);
  const along = (axes: number | readonly number[]) => dims.size((typeof axes === 'number' ? [axes] : axes).map((a) => shape[canonicalAxis(a, shape.length, where)]));
  const [inputs, outputs] = [along(inAxis), along(outAxis)];
  const field = dims.size(shape) / inputs / outputs / along(batchAxis);
  return [inputs * field, outputs * field];
}
/** Random numbers of variance scale / fan, where `mode` says which fan: of the inputs, the outputs, or a mean of both. */
export function varianceScaling(scale: number, mode: FanMode, distribution: Distribution, options?: FanOptions): Initializer {
  const settings = checkOptions('nn.initializers.varianceScaling', options, FAN);
  return initializer('varianceScaling', settings.dtype, (key, shape, dtype) => {
    const [fanIn, fanOut] = fans(shape, settings);
    const by = { fan_in: fanIn, fan_out: fanOut, fan_avg: (fanIn + fanOut) / 2, fan_geo_avg: Math.sqrt(fanIn * fanOut) };
    if (!Object.hasOwn(by, mode)) throw new ValueError(`nn.initializers.varianceScaling: unknown mode '${String(mode)}'; expected ${Object.keys(by).join(', ')}.`);
    const fan = by[mode];
    // Every step is rounded to the dtype, as JAX has it.
    const round = (x: number): number => rounded(x, dtype);
    const variance = round(scale / fan);
    switch (distribution) {
      // The factor is the standard deviation of a standard normal within [-2, 2].
      case 'truncated_normal': return scaled(random.truncatedNormal(key, -2, 2, shape, { dtype }), round(Math.sqrt(variance)) / round(0.87962566103423978));
      case 'normal': return scaled(random.normal(key, shape, { dtype }), Math.sqrt(variance));
      case 'uniform': return scaled(random.uniform(key, shape, { dtype, minval: -1 }), Math.sqrt(round(3 * variance)));
      default: throw new ValueError(`nn.initializers.varianceScaling: unknown distribution '${String(distribution)}'; expected truncated_normal, normal or uniform.`);
    }
  });
}
const scaling = (scale: number, mode: FanMode, distribution: Distribution) => (options?: FanOptions): Initializer => varianceScaling(scale, mode, distribution, options);
export const glorotUniform = scaling(1, 'fan_avg', 'uniform');
export const glorotNormal = scaling(1, 'fan_avg', 'truncated_normal');
export const xavierUniform = glorotUniform;
export const xavierNormal = glorotNormal;
export const lecunUniform = scaling(1, 'fan_in', 'uniform');
export const lecunNormal = scaling(1, 'fan_in', 'truncated_normal');
export const heUniform = scaling(2, 'fan_in', 'uniform');
export const heNormal = scaling(2, 'fan_in', 'truncated_normal');
export const kaimingUniform = heUniform;
export const kaimingNormal = heNormal;

export interface OrthogonalOptions extends DTypeOption { scale?: number; columnAxis?: number }
function orthogonalOf(name: string, options: OrthogonalOptions | undefined): Required<Omit<OrthogonalOptions, 'dtype'>> & DTypeOption {
  const { scale = 1, columnAxis = -1, dtype } = checkOptions(`nn.initializers.${name}`, options, ['scale', 'columnAxis', 'dtype']);
  return { scale, columnAxis, dtype };
}
/** Orthonormal columns along `columnAxis`, or rows where there are more columns than rows, times `scale`. */
export function orthogonal(options?: OrthogonalOptions): Initializer {
  const { scale, columnAxis, dtype: own } = orthogonalOf('orthogonal', options);
  return initializer('orthogonal', own, (key, shape, dtype) => {
    if (shape.length < 2) throw new ShapeError(`nn.initializers.orthogonal: expected a shape of rank 2 or more, got ${formatShape(shape)}.`);
    const at = canonicalAxis(columnAxis, shape.length, 'nn.initializers.orthogonal');
    if (dims.size(shape) === 0) return jnp.zeros(shape, { dtype });
    const rest = shape.filter((_, i) => i !== at);
    const q = random.orthogonal(key, dims.size(rest), [], { dtype, m: shape[at] });
    return scaled(moveAxis(reshape(q, [...rest, shape[at]]), shape.length - 1, at), scale);
  });
}
/** The kernel of a convolution of rank 1 to 3 that is orthogonal at its centre and 0 elsewhere: it keeps norms (Xiao et al., 2018). */
export function deltaOrthogonal(options?: OrthogonalOptions): Initializer {
  const { scale, columnAxis, dtype: own } = orthogonalOf('deltaOrthogonal', options);
  return initializer('deltaOrthogonal', own, (key, shape, dtype) => {
    if (shape.length < 3 || shape.length > 5) throw new ShapeError(`nn.initializers.deltaOrthogonal: expected a shape of rank 3, 4 or 5, got ${formatShape(shape)}.`);
    const [inputs, outputs] = shape.slice(-2);
    if (outputs < inputs) throw new ValueError(`nn.initializers.deltaOrthogonal: ${inputs} inputs do not fit ${outputs} outputs; expected at most as many.`);
    const centre = orthogonal({ scale, columnAxis })(key, [inputs, outputs], { dtype });
    const field = shape.slice(0, -2);
    const before = field.map((k) => Math.floor((k - 1) / 2));
    return pad(reshape(centre, [...field.map(() => 1), inputs, outputs]), 0, [...field.map((k, i) => [before[i], k - 1 - before[i], 0]), [0, 0, 0], [0, 0, 0]]);
  });
}
