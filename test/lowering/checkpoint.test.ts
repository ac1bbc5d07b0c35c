import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { checkpoint, grad, lax, makeJaxpr, numpy as jnp, type Array } from '../../lib/jax/index.js';
import { buildModel } from '../../lib/jax/program.js';
import { serialize } from '../../lib/lowering/model.js';
import { engine, engines } from '../../lib/runtime/engines.js';
import { readModel } from '../training/artifacts-helpers.js';

const layers = (w: Array, x: Array): Array => [0, 1, 2].reduce((y) => lax.tanh(jnp.matmul(y, w)), x);
const w = jnp.full([64, 64], 0.01);
const x = jnp.ones([32, 64]);

/** The products that are left after the engine's own optimisation, at its highest level. */
function products(f: (w: Array, x: Array) => Array, engineName: string): number {
  const folder = mkdtempSync(join(tmpdir(), 'hokku-'));
  try {
    const path = join(folder, 'optimised.onnx');
    const { jaxpr } = makeJaxpr(grad((v: Array) => jnp.sum(lax.square(f(v, x)))))(w);
    engine(engineName).createSession(serialize(buildModel(jaxpr, new Map(), true).graph), { optimizedModelPath: path, graphOptimizationLevel: 99 }).dispose();
    return readModel(path).nodes.filter((n) => /Gemm|MatMul/.test(n.op)).length;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe('checkpoint in the optimised graph', () => {
  for (const { name, path, missing } of engines()) {
    it(`runs the layers twice (${path ? name : `${name}: ${missing}`})`, function () {
      if (!path) this.skip();
      // 3 forward, 3 + 2 backward (the input's gradient is not wanted); the first two layers are run again, the last one is needed too for its tanh.
      expect(products(layers, name)).to.equal(8);
      expect(products((v, y) => checkpoint(layers)(v, y), name)).to.equal(11);
    });
  }
});
