/** com.microsoft's operators beside ONNX Runtime's own kernels, and their derivatives beside central differences. */
import { expect } from 'chai';
import type { NodeProto } from 'onnx-buf';
import { checkGrads, jit, numpy as jnp, type Array } from '../../lib/jax/index.js';
import { importModel } from '../../lib/onnx/index.js';
import { engine } from '../../lib/runtime/engines.js';
import { fromBytes } from '../../lib/jax/array.js';
import { expectClose, numbers } from '../jax/helpers.js';
import { graph, model, node, port } from './build.js';

interface Case { readonly op: string; readonly domain?: string; readonly inputs: Record<string, Array>; readonly attributes?: Parameters<typeof node>[3]; readonly tolerance?: number }
const x = numbers(1, [2, 5, 8]);
const row = (seed: number, n = 8): Array => numbers(seed, [n]);
const positive = (seed: number, n = 8): Array => numbers(seed, [n], 0.5, 1.5);
const tables = { cos: jnp.cos(numbers(30, [12, 2], -3, 3)), sin: jnp.sin(numbers(30, [12, 2], -3, 3)) };
const CASES: readonly Case[] = [
  { op: 'FusedMatMul', inputs: { a: numbers(2, [3, 4, 5]), b: numbers(3, [3, 6, 5]) }, attributes: { alpha: { float: 0.5 }, transB: 1 } },
  { op: 'FusedMatMul', inputs: { a: numbers(2, [3, 5, 4]), b: numbers(3, [3, 5, 6]) }, attributes: { transA: 1 } },
  { op: 'Gelu', inputs: { x } }, { op: 'QuickGelu', inputs: { x }, attributes: { alpha: { float: 1.3 } } },
  { op: 'FastGelu', inputs: { x, bias: row(4) } }, { op: 'BiasGelu', inputs: { x, bias: row(4) } },
  { op: 'SkipLayerNormalization', inputs: { x, skip: numbers(5, [2, 5, 8]), gamma: positive(6), beta: row(7), bias: row(8) }, tolerance: 1e-5 },
  { op: 'SkipSimplifiedLayerNormalization', inputs: { x, skip: numbers(5, [2, 5, 8]), gamma: positive(6) }, attributes: { epsilon: { float: 1e-5 } } },
  { op: 'EmbedLayerNormalization', inputs: { ids: jnp.array([[1, 2, 0], [3, 3, 1]]).astype('int32'), segments: jnp.array([[0, 1, 1], [0, 0, 1]]).astype('int32'), words: numbers(9, [4, 8]), positions: numbers(10, [3, 8]), kinds: numbers(11, [2, 8]), gamma: positive(12), beta: row(13) } },
  { op: 'Attention', inputs: { x, w: numbers(14, [8, 24], -0.5, 0.5), b: row(15, 24) }, attributes: { num_heads: 2 } },
  { op: 'Attention', inputs: { x, w: numbers(14, [8, 24], -0.5, 0.5), b: row(15, 24), mask: jnp.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]).astype('int32') }, attributes: { num_heads: 2 } },
  { op: 'Attention', inputs: { x, w: numbers(14, [8, 24], -0.5, 0.5), b: row(15, 24) }, attributes: { num_heads: 4, unidirectional: 1 } },
  { op: 'MultiHeadAttention', inputs: { q: x, k: numbers(16, [2, 7, 8]), v: numbers(17, [2, 7, 8]) }, attributes: { num_heads: 2 } },
  { op: 'RotaryEmbedding', inputs: { x, ids: jnp.array([[0, 1, 2, 3, 4], [2, 3, 4, 5, 6]]).astype('int64'), ...tables } },
  { op: 'RotaryEmbedding', inputs: { x, ids: jnp.array([[0, 1, 2, 3, 4], [2, 3, 4, 5, 6]]).astype('int64'), ...tables }, attributes: { interleaved: 1 } },
  { op: 'FusedConv', inputs: { x: numbers(20, [1, 2, 5, 5]), w: numbers(21, [3, 2, 3, 3]), b: row(22, 3) }, attributes: { activation: 'Relu', kernel_shape: [3, 3] } },
  // An image smaller than the window is one window all the same, where it is not smaller by a stride.
  ...['MaxPool', 'AveragePool'].flatMap((op) => [[1, 1], [3, 2]].map(([h, w]) => ({ op, domain: '', inputs: { x: numbers(26, [1, 2, h, w]) }, attributes: { kernel_shape: [2, 3], strides: [2, 2] } }))),
  { op: 'FusedGemm', inputs: { a: numbers(23, [3, 4]), b: numbers(24, [4, 2]), c: row(25, 2) }, attributes: { activation: 'Tanh' } },
];

const nodeOf = ({ op, domain = 'com.microsoft', inputs, attributes }: Case): NodeProto => node(op, Object.keys(inputs), op.startsWith('Embed') ? ['y', 'lengths'] : ['y'], attributes, { domain });

describe("com.microsoft's operators, and pools at the edge", () => {
  for (const c of CASES) {
    it(`${c.op} ${JSON.stringify(c.attributes ?? {})} of ${Object.keys(c.inputs).join(', ')}`, () => {
      const bytes = model(graph([nodeOf(c)], Object.entries(c.inputs).map(([name, v]) => port(name, v.dtype, v.shape)), [port('y')]));
      const session = engine('onnxruntime').createSession(bytes);
      const [wanted] = session.run(session.inputs.map(({ name }) => ({ dtype: c.inputs[name].dtype, shape: c.inputs[name].shape, data: c.inputs[name].data.buffer as ArrayBuffer })));
      const m = importModel(bytes);
      expectClose(jit((inputs: any) => m.apply({}, inputs))(c.inputs) as Array, fromBytes(wanted.dtype, wanted.shape, wanted.data as ArrayBuffer), c.tolerance ?? 2e-6, c.op);
      session.dispose();
      const floats = Object.keys(c.inputs).filter((n) => c.inputs[n].dtype === 'float32');
      checkGrads((...xs: Array[]) => m.apply({}, { ...c.inputs, ...Object.fromEntries(floats.map((n, i) => [n, xs[i]])) }), floats.map((n) => c.inputs[n].astype('float64')), { order: 1, modes: ['rev'], eps: 1e-5 });
      expect(floats.length).to.be.greaterThan(0);
    });
  }
});
