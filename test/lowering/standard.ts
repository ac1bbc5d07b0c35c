import { fromBytes } from '../../lib/jax/array.js';
import { config } from '../../lib/jax/config.js';
import { makeJaxpr, type Array } from '../../lib/jax/index.js';
import { Graph } from '../../lib/lowering/graph.js';
import { lowerProgram } from '../../lib/lowering/lower.js';
import { serialize } from '../../lib/lowering/model.js';
import type { SessionOptions } from '../../lib/runtime/addon.js';
import { DTYPES } from '../../lib/runtime/dtypes.js';
import { engine } from '../../lib/runtime/engines.js';
import { size } from '../jax/helpers.js';

/** Runs `f` as a graph for others: without an operator of our own. */
export function standard(f: (...xs: Array[]) => unknown, inputs: readonly Array[], options: SessionOptions = {}): { outputs: Array[]; domains: string[] } {
  const { jaxpr, consts } = makeJaxpr(f)(...inputs);
  const graph = new Graph(false);
  const names = jaxpr.inputs.map((v, i) => graph.input(`i${i}`, v.aval.dtype, v.aval.shape));
  const lowered = lowerProgram(graph, jaxpr, names);
  // A graph's output must be made by a node of its own.
  jaxpr.outputs.forEach((a, k) => graph.output(graph.node('Identity', [lowered.outputs[k]!]), a.aval.dtype, a.aval.shape));
  const session = engine(config.engine).createSession(serialize(graph), options);
  const results = jaxpr.outputs.map(({ aval: a }) => ({ dtype: a.dtype, shape: [...a.shape], data: new ArrayBuffer(size(a.shape) * DTYPES[a.dtype].size) }));
  session.run([...consts, ...inputs].map((x) => ({ dtype: x.dtype, shape: x.shape, data: (x.data as Float32Array).buffer as ArrayBuffer })), results);
  session.dispose();
  return { outputs: results.map((r) => fromBytes(r.dtype, r.shape, r.data)), domains: [...new Set(graph.nodes.map((n) => n.domain))] };
}
