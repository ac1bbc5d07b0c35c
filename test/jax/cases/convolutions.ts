/** Convolutions and windows. */
import { lax } from '../../../lib/jax/index.js';
import type { ConvOptions, Padding } from '../../../lib/jax/lax/convolution.js';
import type { Case } from './base.js';

const NHWC = { dimensionNumbers: ['NHWC', 'HWIO', 'NHWC'] } as const;
const conv = (name: string, x: number[], w: number[], strides: number[], padding: Padding, options: ConvOptions = {}): Case =>
  ({ name: `conv ${name}`, f: (a, b) => lax.convGeneralDilated(a, b, strides, padding, options), shapes: [x, w], smooth: true });
type Window = Parameters<typeof lax.reduceWindow>[4];
const max = (name: string, x: number[], window: number[], options: Window): Case => ({ name: `max of windows ${name}`, f: (a) => lax.reduceWindow(a, -Infinity, lax.max, window, options), shapes: [x], exact: true });
const sum = (name: string, x: number[], window: number[], options: Window): Case => ({ name: `sum of windows ${name}`, f: (a) => lax.reduceWindow(a, 0, lax.add, window, options), shapes: [x], smooth: true });

export const CONVOLUTIONS: readonly Case[] = [
  conv('1-d', [2, 2, 5], [3, 2, 3], [1], 'SAME'), conv('NHWC with strides', [1, 4, 3, 2], [3, 2, 2, 2], [2, 1], 'SAME', NHWC), conv('3-d', [1, 1, 3, 2, 3], [2, 1, 2, 2, 2], [1, 1, 2], 'VALID'),
  conv('1x1', [2, 3, 3, 2], [1, 1, 2, 3], [2, 1], 'VALID', NHWC), conv('with dilated kernel', [1, 2, 6], [2, 2, 2], [1], [[1, 2]], { rhsDilation: [3] }),
  conv('with dilated input', [1, 2, 3], [2, 2, 2], [1], [[2, 0]], { lhsDilation: [2] }), conv('with all dilated', [1, 1, 4], [1, 1, 2], [2], [[-1, 3]], { lhsDilation: [3], rhsDilation: [2] }),
  conv('in groups', [2, 4, 4], [4, 2, 2], [1], 'VALID', { featureGroupCount: 2 }), conv('depthwise', [1, 3, 3, 2], [2, 2, 1, 4], [1, 1], 'SAME', { ...NHWC, featureGroupCount: 2 }),
  conv('in batch groups', [4, 2, 3], [2, 2, 2], [1], 'SAME_LOWER', { batchGroupCount: 2 }), conv('with few positions', [1, 2, 3], [5, 2, 2], [1], [[-1, 2]]),
  { name: 'convTranspose', f: (a, b) => lax.convTranspose(a, b, [2], 'SAME'), shapes: [[1, 3, 2], [3, 2, 2]], smooth: true },
  { name: 'convTranspose with its kernel', f: (a, b) => lax.convTranspose(a, b, [2, 1], 'VALID', { transposeKernel: true }), shapes: [[1, 2, 3, 2], [2, 2, 3, 2]], smooth: true },
  { name: 'convGeneralDilatedPatches', f: (a) => lax.convGeneralDilatedPatches(a, [2, 2], [1, 2], 'SAME'), shapes: [[1, 2, 3, 3]], exact: true },
  { name: 'convGeneralDilatedLocal', f: (a, b) => lax.convGeneralDilatedLocal(a, b, [1], 'VALID', [2]), shapes: [[2, 2, 3], [3, 4, 2]], smooth: true },
  max('side by side', [1, 4, 5, 2], [1, 2, 2, 1], { windowStrides: [1, 2, 2, 1] }), max('that overlap', [1, 2, 5, 4], [1, 1, 3, 2], { windowStrides: [1, 1, 2, 1], padding: 'SAME' }), max('with dilation', [7], [3], { windowDilation: [2], padding: [[1, 2]] }),
  max('with dilated base', [2, 4], [1, 2], { baseDilation: [1, 2], padding: [[0, 0], [-1, 1]] }), max('of all axes', [2, 3, 2, 3], [2, 2, 2, 2], {}), max('of everything', [3, 4], [3, 4], {}), max('that are long', [30], [20], { padding: [[19, 0]] }),
  sum('side by side', [1, 4, 5, 2], [1, 2, 2, 1], { windowStrides: [1, 2, 2, 1], padding: 'SAME' }), sum('that overlap', [1, 5, 4, 2], [1, 3, 2, 1], { windowStrides: [1, 2, 1, 1], padding: 'SAME' }), sum('with dilations', [6], [3], { windowDilation: [2], baseDilation: [2], padding: [[1, 0]] }),
  sum('that are long', [70], [66], { padding: [[65, 0]] }), sum('of all axes', [2, 2, 2, 3], [2, 2, 2, 2], { padding: 'SAME' }),
  { name: 'min of windows', f: (a) => lax.reduceWindow(a, Infinity, lax.min, [2, 1], { padding: 'SAME' }), shapes: [[3, 2]], exact: true },
  { name: 'max of windows and a number', f: (a, b) => lax.reduceWindow(a, b, lax.max, [2], { padding: [[1, 1]] }), shapes: [[4], []] },
  { name: 'product of windows', f: (a) => lax.reduceWindow(a, 1, lax.mul, [2, 2], {}), shapes: [[3, 3]], smooth: true },
  { name: 'avgPool', f: (a) => lax.avgPool(a, [1, 2, 3, 1], [1, 2, 2, 1], 'SAME'), shapes: [[1, 3, 4, 2]], smooth: true },
];
