/** A small classifier, its batches, and a look into the files that are written. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Context } from 'mocha';
import * as hk from '../../lib/index.js';
import { grad, jit, nn, numpy as jnp, random, tree, type Array } from '../../lib/jax/index.js';
import { messages } from '../../lib/lowering/model.js';
import * as optax from '../../lib/optax/index.js';
import { engines } from '../../lib/runtime/engines.js';

export type Batch = [x: Array, y: Array];
export const [FIRST, MIDDLE, LAST] = ['mlp/~/linear_0', 'mlp/~/linear_1', 'mlp/~/linear_2'];
export const withoutMiddle = (module: string): boolean => module !== MIDDLE;

const net = hk.withoutApplyRng(hk.transform((x: Array) => new hk.nets.MLP([16, 12, 5])(x)));
export const forward = (params: hk.Params, x: Array): Array => net.apply(params, x);
export const makeParams = (): hk.Params => net.init(random.PRNGKey(42), jnp.zeros([8, 4]));
export const crossEntropy = (params: hk.Params, [x, y]: Batch): Array =>
  jnp.mean(jnp.sum(nn.oneHot(y, 5).mul(nn.logSoftmax(forward(params, x))), { axis: -1 })).neg();

export const makeBatch = (i: number, size = 8): Batch => [
  random.normal(random.PRNGKey(100 + i), [size, 4]),
  random.randint(random.PRNGKey(200 + i), [size], 0, 5),
];

/** A folder for the tests of one `describe`. */
export function temporaryFolder(): () => string {
  let folder: string;
  before(() => { folder = mkdtempSync(join(tmpdir(), 'hokku-')); });
  after(() => rmSync(folder, { recursive: true, force: true }));
  let next = 0;
  return () => join(folder, String(next++));
}

/** Leaves the tests pending where the training engine is not installed. */
export function needsTraining(this: Context): void {
  const missing = engines().find(({ name }) => name === 'onnxruntime-training')?.missing;
  if (!missing) return;
  console.log(`      pending: the training engine was not found: ${missing}`);
  this.skip();
}

export interface File { nodes: { op: string; domain: string; inputs: string[]; outputs: string[] }[]; inputs: string[]; outputs: string[] }
export function readModel(path: string): File {
  const { onnx, protobuf } = messages();
  const { graph } = protobuf.fromBinary(onnx.ModelProtoSchema, readFileSync(path));
  return {
    nodes: graph!.node.map((n) => ({ op: n.opType, domain: n.domain, inputs: n.input, outputs: n.output })),
    inputs: graph!.input.map((i) => i.name), outputs: graph!.output.map((o) => o.name),
  };
}
export const products = (file: File): number => file.nodes.filter((n) => n.op === 'MatMul' || n.op === 'Gemm').length;

/** Loss and parameters by jitted steps of the library, without artifacts. */
export function jitted(optimizer: optax.GradientTransformation, trainable: (module: string) => boolean, steps: number): { losses: number[]; params: hk.Params } {
  let [trained, frozen] = hk.dataStructures.partition(trainable, makeParams()) as [hk.Params, hk.Params];
  let state = optimizer.init(trained);
  const loss = (p: hk.Params, q: hk.Params, batch: Batch) => crossEntropy(hk.dataStructures.merge(p, q), batch);
  const step = jit((p: hk.Params, q: hk.Params, s: optax.OptState, batch: Batch) => {
    const [updates, next] = optimizer.update(grad(loss)(p, q, batch), s, p);
    return [loss(p, q, batch), optax.applyUpdates(p, updates), next];
  });
  const losses: number[] = [];
  for (let i = 0; i < steps; i++) {
    let value: Array;
    [value, trained, state] = step(trained, frozen, state, makeBatch(i % 4));
    losses.push(value.item());
  }
  return { losses, params: hk.dataStructures.merge(trained, frozen) };
}

export const largest = (a: hk.Params, b: hk.Params): number => Math.max(...[...hk.dataStructures.traverse(a)].map(([module, name, x]) => {
  const [p, q] = [x.data as Float32Array, b[module][name].data as Float32Array];
  return p.reduce((most, v, i) => Math.max(most, Math.abs(v - q[i])), 0);
}));
export const bits = (x: Array): string => Buffer.from(x.data.buffer, x.data.byteOffset, x.data.byteLength).toString('hex');
export const allBits = (params: hk.Params): string[] => (tree.leaves(params) as Array[]).map(bits);
