/** Random numbers in files for others: threefry in standard operators, run by onnxruntime-node itself. */
import { expect } from 'chai';
import { createRequire } from 'node:module';
import { config, jit, makeJaxpr, random, type Array as JaxArray } from '../../lib/jax/index.js';
import { Graph } from '../../lib/lowering/graph.js';
import { lowerProgram } from '../../lib/lowering/lower.js';
import { serialize } from '../../lib/lowering/model.js';

const ort = createRequire(import.meta.url)('onnxruntime-node') as any;

/** What ONNX Runtime alone computes from the standard form of a program of one key. */
async function standard(f: (key: JaxArray) => JaxArray, key: JaxArray): Promise<unknown[]> {
  const { jaxpr, consts } = makeJaxpr(f)(key);
  const graph = new Graph(false);
  const input = graph.input('key', 'uint32', key.shape);
  const constants = consts.map((x) => graph.constantBytes(x.dtype, x.shape as number[], new Uint8Array(x.data.buffer as ArrayBuffer)));
  const { outputs } = lowerProgram(graph, jaxpr, [...constants, input]);
  graph.nodeWithOutputs('Identity', [outputs[0]!], ['y']);
  graph.output('y', jaxpr.outputs[0]!.aval.dtype, jaxpr.outputs[0]!.aval.shape);
  expect(graph.nodes.every((n) => n.domain === '')).to.equal(true);
  const session = await ort.InferenceSession.create(serialize(graph), { graphOptimizationLevel: 'disabled' });
  const { y } = await session.run({ key: new ort.Tensor('uint32', key.data, key.shape) });
  return globalThis.Array.from(y.data as ArrayLike<unknown>, Number);
}

const PROGRAMS: Record<string, (key: JaxArray) => JaxArray> = {
  'bits, an odd number': (k) => random.bits(k, [7]), 'bits of a matrix': (k) => random.bits(k, [3, 4]), 'none at all': (k) => random.bits(k, [0]),
  'bits of 8': (k) => random.bits(k, [7], { dtype: 'uint8' }), 'bits of 16': (k) => random.bits(k, [7], { dtype: 'uint16' }), 'bits of 64': (k) => random.bits(k, [5], { dtype: 'uint64' }),
  split: (k) => random.split(k, 3), 'a split of an odd number': (k) => random.split(k, 5), foldIn: (k) => random.foldIn(k, 4294967295),
  uniform: (k) => random.uniform(k, [6]), bernoulli: (k) => random.bernoulli(k, 0.3, [9]), randint: (k) => random.randint(k, [5], 0, 10), permutation: (k) => random.permutation(k, 6),
};
const CLOSE: Record<string, (key: JaxArray) => JaxArray> = {
  normal: (k) => random.normal(k, [50]), truncatedNormal: (k) => random.truncatedNormal(k, -2, 2, [50]), gumbel: (k) => random.gumbel(k, [50]), exponential: (k) => random.exponential(k, [50]),
};

describe('random numbers in standard operators', () => {
  const mode = config.threefryPartitionable;
  after(() => { config.threefryPartitionable = mode; });
  for (const partitionable of [true, false]) {
    for (const seed of [42]) {
      it(`are those of the library, bit for bit (partitionable ${partitionable}, seed ${seed})`, async () => {
        config.threefryPartitionable = partitionable;
        const key = random.foldIn(random.PRNGKey(seed), 3);
        for (const [name, f] of Object.entries(PROGRAMS)) expect(await standard(f, key), name).to.deep.equal(globalThis.Array.from(jit(f)(key).data as ArrayLike<unknown>, Number));
      });
    }
    it(`and what needs a logarithm is off by the last bits at most (partitionable ${partitionable})`, async () => {
      config.threefryPartitionable = partitionable;
      for (const [name, f] of Object.entries(CLOSE)) {
        const expected = globalThis.Array.from(jit(f)(random.PRNGKey(1)).data as Float32Array);
        ((await standard(f, random.PRNGKey(1))) as number[]).forEach((x, i) => expect(Math.abs(x - expected[i]!), name).to.be.at.most(1e-5 * (Math.abs(expected[i]!) + 0.1)));
      }
    });
  }
  it('for many keys at once', async () => {
    config.threefryPartitionable = true;
    const f = (k: JaxArray) => random.bits(random.split(k, 3).index(1), [2]);
    expect(await standard(f, random.PRNGKey(9))).to.deep.equal(globalThis.Array.from(jit(f)(random.PRNGKey(9)).data as ArrayLike<unknown>, Number));
  });
});
