/**
 * Which convolutions go to `hokku.Conv`, and which pools to `hokku.Pool`. The primitives have their channels first, as the engine's
 * operators; programs have them first or last. Ours read images with channels last, where they lie.
 */
import { range } from '../runtime/range.js';
import { Var, eliminateDeadCode, type Equation, type Jaxpr } from '../jax/core.js';
import { dims } from '../jax/dims.js';
import { producersOf } from '../jax/programs.js';
import { simplify } from '../jax/passes/simplify.js';
import type { ConvParams, KernelGradientParams } from '../jax/primitives/convolution.js';
import { transposeP } from '../jax/primitives/shape.js';
import type { Primitive } from '../jax/primitives/primitive.js';
import { foldable, type WindowParams } from '../jax/primitives/windows.js';
import { usersOf, withEndings } from './endings.js';
import type { Attribute } from './graph.js';
import { Layout, isImage, isOrder, toFirst, toLast } from './layout.js';

type Params = Readonly<Record<string, Attribute>>;
const own = (name: string, op: string) => ({ name, lower: (g, inputs, params) => [g.node(op, inputs, params, 'hokku')] }) as Pick<Primitive<Params>, 'name' | 'lower'> as Primitive<Params>;
/** Made here only, so that they have no rules but their lowering. Inputs: image, kernel, and what its endings read. */
const lastConvP = own('conv_channels_last', 'Conv');
/** Inputs: image and cotangent. */
const lastGradientP = own('conv_channels_last_kernel_gradient', 'ConvKernelGradient');
const lastPoolP = own('pool_channels_last', 'Pool');
/** Inputs: image, maxima and their cotangent. */
const lastPoolGradientP = own('max_pool_channels_last_gradient', 'MaxPoolGradient');

/** Axes of kernels [features, channels, …space] reversed in pairs, and back. */
const kernelLast = (rank: number): number[] => [...range(rank).slice(2), 1, 0];
const kernelFirst = (rank: number): number[] => [rank - 1, rank - 2, ...range(rank).slice(0, -2)];

const isGradient = (e: Equation): boolean => e.primitive.name === 'conv_kernel_gradient';
/** Whether our operators have it. */
function possible({ primitive: { name }, params, inputs: [x, other], outputs: [out] }: Equation): boolean {
  if (name !== 'conv_general_dilated' && name !== 'conv_kernel_gradient') return false;
  const shapes = [x, other, out].map((a) => a.aval.shape);
  const { strides, lhsDilation, groups } = params as ConvParams;
  const rank = shapes[0].length;
  return (rank === 3 || rank === 4) && x.aval.dtype === 'float32' && shapes.every((s) => dims.isStatic(s) && !s.includes(0))
    && (groups === 1 || (groups === shapes[0][1] && (name === 'conv_kernel_gradient' ? other : out).aval.shape[1] === groups))
    && lhsDilation.every((d, i) => d === 1 || (strides[i] === 1 && name === 'conv_general_dilated'));
}

/** A convolution's saving in multiplications that pays for moving one element into another order: about 4 ps of each, and 1 ns. */
const WORTH = 256;
const size = dims.size as (shape: readonly number[]) => number;
const multiplications = (e: Equation): number => {
  const [image, kernel] = isGradient(e) ? [e.inputs[1], e.outputs[0]] : [e.outputs[0], e.inputs[1]];
  return (size(image.aval.shape) / image.aval.shape[1]) * size(kernel.aval.shape);
};
const moved = ({ equations }: Jaxpr): number => equations.reduce((n, e) => n + (e.primitive === transposeP && dims.isStatic(e.inputs[0].aval.shape) ? size(e.inputs[0].aval.shape) : 0), 0);

const gathered = (jaxpr: Jaxpr): Jaxpr => withEndings(jaxpr, lastConvP, ['scaled', 'added', 'masked']);

/** A program whose convolutions and pools are ours, where they can be and that is worth it. */
export function placeChannelsLast(jaxpr: Jaxpr): Jaxpr {
  const placed = convolutionsLast(jaxpr);
  return {
    ...placed,
    equations: placed.equations.map((e) => {
      const own = pool(e, 'last');
      return own ? { ...e, primitive: own[0], params: own[1] } : e;
    }),
  };
}

/** All convolutions that can be ours, if that is worth the transposes around them, or else those that channels last suit. */
function convolutionsLast(jaxpr: Jaxpr): Jaxpr {
  const all = jaxpr.equations.filter(possible);
  if (!all.length) return jaxpr;
  const whole = turned(jaxpr, all);
  if (all.reduce((n, e) => n + multiplications(e), 0) >= WORTH * (moved(whole) - moved(jaxpr))) return gathered(whole);
  const producer = producersOf(jaxpr);
  const users = usersOf(jaxpr);
  const suited = all.filter((e) => {
    const rank = e.inputs[0].aval.shape.length;
    const images = isGradient(e) ? e.inputs : e.inputs.slice(0, 1);
    return images.some((x) => isOrder(producer.get(x), toFirst(rank))) || (!isGradient(e) && users.get(e.outputs[0])?.every((u) => isOrder(u, toLast(rank))));
  });
  return suited.length ? gathered(turned(jaxpr, suited)) : jaxpr;
}

/** The program with these convolutions in our form, and images between them with their channels last. */
function turned(jaxpr: Jaxpr, convolutions: readonly Equation[]): Jaxpr {
  const ours = new Set(convolutions);
  const layout = new Layout(jaxpr);
  const users = usersOf(jaxpr);
  for (const e of jaxpr.equations) {
    if (!ours.has(e)) { layout.follow(e, (first) => pool(first, 'first')); continue; }
    const [a, b] = e.inputs;
    const [out] = e.outputs;
    const rank = a.aval.shape.length;
    if (!isGradient(e)) {
      const from = layout.made(b);
      const windowFirst = isOrder(from, kernelFirst(rank));
      const kernel = layout.first(windowFirst ? from!.inputs[0] : b);
      layout.replace(e, lastConvP, attributesOf(e, !windowFirst), [layout.last(a, e), kernel]);
      continue;
    }
    const inputs = [layout.last(a, e), layout.last(b, e)];
    if (!users.get(out)?.every((u) => isOrder(u, kernelLast(rank)))) {
      layout.equations.push({ ...e, primitive: lastGradientP, params: attributesOf(e, true), inputs });
      continue;
    }
    const last = new Var({ ...out.aval, shape: kernelLast(rank).map((p) => out.aval.shape[p]) });
    layout.equations.push({ ...e, primitive: lastGradientP, params: attributesOf(e, false), inputs, outputs: [last] });
    layout.equations.push({ ...e, primitive: transposeP, params: { permutation: kernelFirst(rank) }, inputs: [last] });
  }
  const outputs = jaxpr.outputs.map((a) => layout.first(a));
  return simplify(eliminateDeadCode({ ...jaxpr, equations: layout.equations, outputs }));
}

function attributesOf({ primitive: { name }, params, inputs: [x] }: Equation, windowLast: boolean): Params {
  const { strides, padding, lhsDilation, rhsDilation, groups, mirrored } = params as ConvParams;
  const common = { ...windows(strides, padding, rhsDilation), spreads: lhsDilation, depthwise: groups > 1 && groups === x.aval.shape[1] ? 1 : 0, window_last: windowLast ? 1 : 0 };
  return name === 'conv_kernel_gradient' ? { ...common, window: (params as KernelGradientParams).kernel.slice(2) } : { ...common, mirrored: mirrored ? 1 : 0, scaled: 0, added: 0, masked: 0, relu: 0 };
}

const windows = (strides: readonly number[], padding: WindowParams['padding'], dilations: readonly number[]): Params =>
  ({ strides, dilations, pads: [...padding.map(([low]) => low), ...padding.map(([, high]) => high)] });

/** What pools an image that will have its channels last, if it is ours; `order`: where they are as yet. */
function pool({ primitive: { name }, params, inputs: [x, y], outputs: [out] }: Equation, order: 'first' | 'last'): readonly [Primitive, Params] | null {
  if (!name.startsWith('reduce_window_')) return null;
  const { window, strides, padding, baseDilation, windowDilation } = params as WindowParams;
  const { shape, dtype } = x.aval;
  const channels = order === 'first' ? 1 : shape.length - 1;
  const idle = [0, channels].every((i) => window[i] === 1 && strides[i] === 1 && padding[i].every((n) => n === 0));
  const result = (y ?? out).aval.shape;
  if (!idle || !isImage(x) || dtype !== 'float32' || baseDilation.some((d) => d > 1) || [shape, result].some((s) => !dims.isStatic(s) || s.includes(0))) return null;
  if (foldable(window, result)) return null;
  const space = <T>(list: readonly T[]): T[] => list.filter((_, i) => i > 0 && i !== channels);
  const common = { ...windows(space(strides), space(padding), space(windowDilation)), window: space(window), spreads: space(strides).map(() => 1), depthwise: 1, window_last: 0 };
  return name === 'reduce_window_max_gradient' ? [lastPoolGradientP, common] : [lastPoolP, { ...common, sum: name === 'reduce_window_sum' ? 1 : 0 }];
}
