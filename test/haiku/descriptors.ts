/**
 * Every module and net once, after Haiku's own integration descriptors (same names, same construction, same input), and
 * what that list leaves out. Whatever holds of all modules is checked by looping over it: `descriptors.test.ts`.
 */
import * as hk from '../../lib/index.js';
import { nn, numpy as jnp, tree, type Array, type DType } from '../../lib/jax/index.js';

export interface Descriptor {
  readonly name: string;
  /** Makes the module, inside a transform; it is a function of one array. */
  readonly create: () => (x: Array) => any;
  readonly shape: readonly number[];
  readonly dtype?: DType;
  /** Too large for every check: only what it begins with is looked at, the rest in the long form. */
  readonly big?: boolean;
  /** Finite differences are not its gradients: it has kinks or jumps, or stops gradients. */
  readonly rough?: boolean;
  /** Returns the same without its first axis. */
  readonly optionalBatch?: boolean;
}

/** Calls a module as nobody would write it: with a flag, several times the same input, or step by step. */
@hk.module
class Training extends hk.Module<(x: Array) => any> {
  readonly wrapped: any;
  constructor(wrapped: any) { super(); this.wrapped = wrapped; }
  override call(x: Array): any { return this.wrapped(x, true); }
}

@hk.module
class MultiInput extends hk.Module<(x: Array) => any> {
  readonly wrapped: any;
  readonly numInputs: number;
  constructor(wrapped: any, numInputs: number) { super(); this.wrapped = wrapped; this.numInputs = numInputs; }
  override call(x: Array): any { return this.wrapped(...new globalThis.Array<Array>(this.numInputs).fill(x)); }
}

type Unroll = (core: any, xs: Array, state: any) => [any, any];
@hk.module
class Recurrent extends hk.Module<(x: Array) => any> {
  readonly wrapped: any;
  readonly unroll: Unroll;
  constructor(wrapped: any, unroll: Unroll) { super(); this.wrapped = wrapped; this.unroll = unroll; }
  override call(x: Array): any {
    const state = tree.map((v: Array) => v.astype(x.dtype), this.wrapped.initialState(x.shape[0]));
    return this.unroll(this.wrapped, jnp.expandDims(x, 0), state);
  }
}

@hk.module
class DummyCore extends hk.RNNCore {
  override initialState(batchSize: number | null): Array { return jnp.ones(batchSize === null ? [128, 1] : [batchSize, 128, 1]); }
  override call(inputs: any, state: any): [any, any] { return [inputs, state]; }
}

@hk.module
class ResetCoreAdapter extends hk.RNNCore {
  readonly wrapped: any;
  constructor(wrapped: any) { super(); this.wrapped = wrapped; }
  override initialState(batchSize: number | null): any { return this.wrapped.initialState(batchSize); }
  override call(inputs: Array, state: any): [any, any] { return this.wrapped([inputs, jnp.ones([inputs.shape[0]], { dtype: 'bool' })], state); }
}

const N = 8;
const OPTIONAL_BATCH: Descriptor[] = [
  { name: 'Embed', create: () => new hk.Embed({ vocabSize: 6, embedDim: 12 }), shape: [N], dtype: 'int32' },
  { name: 'Linear', create: () => new hk.Linear(10), shape: [N, 1] },
  { name: 'Sequential', create: () => new hk.Sequential([]), shape: [N, 2, 2] },
  { name: 'nets.MLP', create: () => new hk.nets.MLP([3, 4, 5]), shape: [N, 3], rough: true },
  { name: 'ConvND', create: () => new hk.ConvND(1, 3, 3), shape: [N, 2, 2] },
  { name: 'ConvNDTranspose', create: () => new hk.ConvNDTranspose(1, 3, 3), shape: [N, 2, 2] },
  { name: 'Conv1D', create: () => new hk.Conv1D(3, 3), shape: [N, 2, 2] },
  { name: 'Conv1DTranspose', create: () => new hk.Conv1DTranspose(3, 3), shape: [N, 2, 2] },
  { name: 'Conv2D', create: () => new hk.Conv2D(3, 3), shape: [N, 2, 2, 2] },
  { name: 'Conv2DTranspose', create: () => new hk.Conv2DTranspose(3, 3), shape: [N, 2, 2, 2] },
  { name: 'Conv3D', create: () => new hk.Conv3D(3, 3), shape: [N, 2, 2, 2, 2] },
  { name: 'Conv3DTranspose', create: () => new hk.Conv3DTranspose(3, 3), shape: [N, 2, 2, 2, 2] },
].map((d) => ({ ...d, optionalBatch: true }) as Descriptor);

const BATCH: Descriptor[] = [
  { name: 'BatchNorm', create: () => new Training(new hk.BatchNorm(true, true, 0.9)), shape: [N, 2, 2, 3] },
  { name: 'Bias', create: () => new hk.Bias(), shape: [N, 3, 3, 3] },
  { name: 'Flatten', create: () => new hk.Flatten(), shape: [N, 3, 3, 3] },
  { name: 'InstanceNorm', create: () => new hk.InstanceNorm(true, true), shape: [N, 3, 2] },
  { name: 'GroupNorm', create: () => new hk.GroupNorm(5), shape: [N, 4, 4, 10] },
  { name: 'LayerNorm', create: () => new hk.LayerNorm(1, true, true, { paramAxis: -1 }), shape: [N, 3, 2] },
  { name: 'MultiHeadAttention', create: () => new MultiInput(new hk.MultiHeadAttention(8, 64, { wInitScale: 1 }), 3), shape: [N, 3, 2] },
  { name: 'RMSNorm', create: () => new hk.RMSNorm(1), shape: [N, 3, 2] },
  { name: 'SpectralNorm', create: () => new hk.SpectralNorm(), shape: [N, 3, 2], rough: true },
  { name: 'nets.ResNet', create: () => new Training(new hk.nets.ResNet([3, 4, 6, 3], 1000)), shape: [N, 3, 3, 2], big: true },
  { name: 'nets.MobileNetV1', create: () => new Training(new hk.nets.MobileNetV1({ numClasses: 1000, strides: [1, 1, 1], channels: [16, 32, 64] })), shape: [N, 64, 64, 2], big: true },
  { name: 'nets.VectorQuantizer', create: () => new Training(new hk.nets.VectorQuantizer(64, 512, 0.25)), shape: [N, 64], rough: true },
  { name: 'nets.VectorQuantizerEMA', create: () => new Training(new hk.nets.VectorQuantizerEMA(64, 512, 0.25, 0.9)), shape: [N, 64], rough: true },
  { name: 'DepthwiseConv1D', create: () => new hk.DepthwiseConv1D(1, 3), shape: [N, 2, 2] },
  { name: 'DepthwiseConv2D', create: () => new hk.DepthwiseConv2D(1, 3), shape: [N, 2, 2, 2] },
  { name: 'DepthwiseConv3D', create: () => new hk.DepthwiseConv3D(1, 3), shape: [N, 2, 2, 2, 2] },
  { name: 'SeparableDepthwiseConv2D', create: () => new hk.SeparableDepthwiseConv2D(1, 3), shape: [N, 2, 2, 2] },
];

const CORES: (Omit<Descriptor, 'create'> & { create: () => unknown })[] = [
  { name: 'ResetCore', create: () => new ResetCoreAdapter(new hk.ResetCore(new DummyCore())), shape: [N, 128] },
  { name: 'GRU', create: () => new hk.GRU(1), shape: [N, 128] },
  { name: 'IdentityCore', create: () => new hk.IdentityCore(), shape: [N, 128] },
  { name: 'LSTM', create: () => new hk.LSTM(1), shape: [N, 128] },
  { name: 'Conv1DLSTM', create: () => new hk.Conv1DLSTM([2], 3, 3), shape: [N, 2, 2] },
  { name: 'Conv2DLSTM', create: () => new hk.Conv2DLSTM([2, 2], 3, 3), shape: [N, 2, 2, 2] },
  { name: 'Conv3DLSTM', create: () => new hk.Conv3DLSTM([2, 2, 2], 3, 3), shape: [N, 2, 2, 2, 2] },
  { name: 'VanillaRNN', create: () => new hk.VanillaRNN(8), shape: [N, 128], rough: true },
];
const unrolled = (name: string, unroll: Unroll): Descriptor[] => CORES.map((d) => ({ ...d, name: `Recurrent(${d.name}, ${name})`, create: () => new Recurrent(d.create(), unroll) }));

/** What Haiku's list leaves out; `descriptors.py` makes the same. */
const MORE: Descriptor[] = [
  { name: 'AvgPool', create: () => new hk.AvgPool(2, 2, 'SAME'), shape: [N, 5, 5, 2] },
  { name: 'MaxPool', create: () => new hk.MaxPool(2, 2, 'SAME'), shape: [N, 5, 5, 2], rough: true },
  { name: 'Reshape', create: () => new hk.Reshape([-1, 2]), shape: [N, 3, 4] },
  { name: 'BatchApply', create: () => { const f = new hk.BatchApply(new hk.Linear(3)); return (x) => f.call(x); }, shape: [N, 2, 4] },
  { name: 'ExponentialMovingAverage', create: () => new hk.ExponentialMovingAverage(0.9), shape: [N, 2] },
  { name: 'DeepRNN', create: () => new Recurrent(new hk.DeepRNN([new hk.LSTM(3), nn.relu, new hk.GRU(2)]), (core, xs, state) => hk.dynamicUnroll(core, xs, state)), shape: [N, 4], rough: true },
  { name: 'deep_rnn_with_skip_connections', create: () => new Recurrent(hk.deepRnnWithSkipConnections([new hk.LSTM(3), new hk.LSTM(2)]), (core, xs, state) => hk.dynamicUnroll(core, xs, state)), shape: [N, 4] },
  { name: 'nets.ResNet, small', create: () => new Training(new hk.nets.ResNet([1, 1, 1, 1], 10, { channelsPerGroup: [8, 16, 32, 64] })), shape: [2, 16, 16, 3], rough: true },
  { name: 'nets.ResNet, small, v2', create: () => new Training(new hk.nets.ResNet([1, 1, 1, 1], 10, { channelsPerGroup: [8, 8, 16, 16], bottleneck: false, resnetV2: true })), shape: [2, 16, 16, 3], rough: true },
  { name: 'nets.MobileNetV1, small', create: () => new Training(new hk.nets.MobileNetV1({ numClasses: 10, strides: [1, 2], channels: [4, 8] })), shape: [2, 8, 8, 3], rough: true },
  { name: 'nets.ResNet18', create: () => new Training(new hk.nets.ResNet18(10)), shape: [2, 32, 32, 3], big: true },
];

export const DESCRIPTORS: readonly Descriptor[] = [
  ...OPTIONAL_BATCH, ...BATCH, ...unrolled('dynamic_unroll', (core, xs, state) => hk.dynamicUnroll(core, xs, state)), ...unrolled('static_unroll', (core, xs, state) => hk.staticUnroll(core, xs, state)), ...MORE,
];
