/**
 * Which convolutions go to `hokku.Conv`. The primitive has its channels first, as the engine's operators; programs mostly have
 * them last, and would be transposed around each one. Ours reads images with channels last, where they lie.
 */
import { Var, type Atom, type Equation, type Jaxpr } from '../jax/core.js';
import { dims } from '../jax/dims.js';
import { simplify } from '../jax/passes/simplify.js';
import type { ConvParams, KernelGradientParams } from '../jax/primitives/convolution.js';
import { transposeP } from '../jax/primitives/shape.js';
import type { Primitive } from '../jax/primitives/primitive.js';
import { usersOf, withEndings } from './endings.js';
import type { Attribute } from './graph.js';

type Params = Readonly<Record<string, Attribute>>;
const own = (name: string, op: string) => ({ name, lower: (g, inputs, params) => [g.node(op, inputs, params, 'hokku')] }) as Pick<Primitive<Params>, 'name' | 'lower'> as Primitive<Params>;
/** Made here only, so that they have no rules but their lowering. Inputs: image, kernel, and a bias where there is one. */
const lastConvP = own('conv_channels_last', 'Conv');
/** Inputs: image and cotangent. */
const lastGradientP = own('conv_channels_last_kernel_gradient', 'ConvKernelGradient');

/** The axes of channels-first arrays in the order of channels last, and back; those of kernels [features, channels, …space] are reversed in pairs. */
const range = (n: number): number[] => [...Array(n).keys()];
const toLast = (rank: number): number[] => [0, ...range(rank).slice(2), 1];
const toFirst = (rank: number): number[] => [0, rank - 1, ...range(rank).slice(1, -1)];
const kernelLast = (rank: number): number[] => [...range(rank).slice(2), 1, 0];
const kernelFirst = (rank: number): number[] => [rank - 1, rank - 2, ...range(rank).slice(0, -2)];
const isOrder = (e: Equation | null | undefined, order: readonly number[]): boolean => e?.primitive === transposeP && dims.equalShapes(e.params.permutation, order);

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

/** A program whose convolutions, as far as channels last suit what is around them, are ours. */
export function placeChannelsLast(jaxpr: Jaxpr): Jaxpr {
  if (!jaxpr.equations.some(possible)) return jaxpr;
  const producer = new Map(jaxpr.equations.flatMap((e) => e.outputs.map((v): [Atom, Equation] => [v, e])));
  const users = usersOf(jaxpr);
  let any = false;
  const equations = jaxpr.equations.flatMap((e) => {
    if (!possible(e)) return [e];
    const [a, b] = e.inputs;
    const [out] = e.outputs;
    const rank = a.aval.shape.length;
    const gradient = e.primitive.name === 'conv_kernel_gradient';
    const images = gradient ? [a, b] : [a];
    const suits = images.some((x) => isOrder(producer.get(x), toFirst(rank))) || (!gradient && users.get(out)?.every((u) => isOrder(u, toLast(rank))));
    if (!suits) return [e];
    any = true;
    const made: Equation[] = [];
    const turn = (x: Atom, permutation: readonly number[], output = new Var({ ...x.aval, shape: permutation.map((p) => x.aval.shape[p]) })): Var => {
      made.push({ ...e, primitive: transposeP, params: { permutation }, inputs: [x], outputs: [output] });
      return output;
    };
    const order = gradient ? kernelLast(rank) : toLast(rank);
    const inputs = [turn(a, toLast(rank)), turn(b, gradient ? toLast(rank) : kernelLast(rank))];
    const last = new Var({ ...out.aval, shape: order.map((p) => out.aval.shape[p]) });
    made.push({ ...e, primitive: gradient ? lastGradientP : lastConvP, params: attributesOf(e), inputs, outputs: [last] });
    turn(last, gradient ? kernelFirst(rank) : toFirst(rank), out);
    return made;
  });
  return any ? withEndings(simplify({ ...jaxpr, equations }), lastConvP) : jaxpr;
}

function attributesOf({ primitive: { name }, params, inputs: [x] }: Equation): Params {
  const { strides, padding, lhsDilation, rhsDilation, groups, mirrored } = params as ConvParams;
  const common = { strides, spreads: lhsDilation, dilations: rhsDilation, pads: [...padding.map(([low]) => low), ...padding.map(([, high]) => high)], depthwise: groups > 1 && groups === x.aval.shape[1] ? 1 : 0 };
  return name === 'conv_kernel_gradient' ? { ...common, window: (params as KernelGradientParams).kernel.slice(2) } : { ...common, mirrored: mirrored ? 1 : 0, relu: 0 };
}
