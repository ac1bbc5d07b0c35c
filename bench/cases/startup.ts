/** What a fresh process pays. Each "step" is a process of its own, which times itself: Node's own start does not count. */
import { execFileSync } from 'node:child_process';
import type { Variant } from '../protocol.js';

const IMPORT = `
  const begin = process.hrtime.bigint();
  const hk = await import('hokku');
  process.stdout.write(String(process.hrtime.bigint() - begin));`;

// The demo up to the end of its first training step, imports not counted.
const FIRST_STEP = `
  const hk = await import('hokku');
  const { config, grad, jit, nn, numpy: jnp, random, tree } = await import('hokku/jax');
  const begin = process.hrtime.bigint();
  config.threefryPartitionable = false;
  const f = hk.transform((x) => new hk.nets.MLP([300, 100, 10])(x));
  const params = f.init(random.PRNGKey(42), jnp.zeros([10, 1]));
  const [trained, frozen] = hk.dataStructures.partition((module) => module !== 'mlp/~/linear_1', params);
  const loss = (trained, frozen, x, y) => {
    const logits = f.apply(hk.dataStructures.merge(trained, frozen), null, x);
    return jnp.sum(nn.oneHot(y, 10).mul(nn.logSoftmax(logits))).neg().div(10);
  };
  const step = jit((trained, frozen, x, y) => tree.map((p, g) => p.sub(g.mul(0.1)), trained, grad(loss)(trained, frozen, x, y)), { donateArgnums: [0] });
  const y = Int32Array.from({ length: 10 }, (_, i) => i);
  step(trained, frozen, jnp.array(Float32Array.from(y)).reshape([10, 1]), jnp.array(y));
  process.stdout.write(String(process.hrtime.bigint() - begin));`;

export function variants(): Record<string, Variant> {
  const timed = (script: string): Variant => (steps) => {
    let ns = 0;
    for (let i = 0; i < steps; i++) {
      // From the package's own folder, so that it finds itself by its name.
      ns += Number(execFileSync(process.execPath, ['--input-type=module', '-e', script], { cwd: new URL('../../..', import.meta.url), encoding: 'utf8' }));
    }
    return ns;
  };
  return { "import 'hokku'": timed(IMPORT), 'first step': timed(FIRST_STEP) };
}
