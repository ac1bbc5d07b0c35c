/** Convolutions and windows. */
import { lax } from '../../../lib/jax/index.js';
import type { ConvOptions, Padding } from '../../../lib/jax/lax/convolution.js';
import type { Case } from './base.js';

const NHWC = { dimensionNumbers: ['NHWC', 'HWIO', 'NHWC'] } as const;
const conv = (name: string, x: number[], w: number[], strides: number[], padding: Padding, options: ConvOptions = {}): Case =>
  ({ name: `conv ${name}`, f: (a, b) => lax.convGeneralDilated(a, b, strides, padding, options), shapes: [x, w], smooth: true });

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
];
