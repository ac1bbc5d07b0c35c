/** One operator of ours in a model of its own. */
import { Graph } from '../../lib/lowering/graph.js';
import { serialize } from '../../lib/lowering/model.js';
import type { NativeTensor } from '../../lib/runtime/addon.js';
import { engine as loadEngine, type EngineName } from '../../lib/runtime/engines.js';

export const size = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
export const f32 = (values: Float32Array, shape: readonly number[]): NativeTensor => ({ dtype: 'float32', shape: [...shape], data: values.buffer as ArrayBuffer });
export const values = (t: NativeTensor): Float32Array => new Float32Array(t.data as ArrayBuffer);

/** Runs operators on one engine: the float32 result of `rank` axes, whose sizes nothing declares. */
export const operatorOn = (engine: EngineName) =>
  (op: string, inputs: readonly NativeTensor[], attributes: Record<string, number | readonly number[]>, rank: number, threads = 1): NativeTensor => {
    const g = new Graph(true);
    const names = inputs.map((t, i) => g.input(`i${i}`, 'float32', t.shape));
    g.output(g.node(op, names, attributes, 'hokku'), 'float32', [...globalThis.Array(rank).keys()].map((i) => `d${i}`));
    const session = loadEngine(engine).createSession(serialize(g), { intraOpNumThreads: threads });
    try {
      return session.run([...inputs])[0];
    } finally {
      session.dispose();
    }
  };
