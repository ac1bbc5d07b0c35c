/** What a step of AdamW needs beside parameters, gradients and two moments: nothing of their size. */
import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { packageRoot } from '../goldens/cases.js';

const library = (path: string): string => pathToFileURL(join(packageRoot(), 'dist/lib', path)).href;
/** Peak bytes of a process that updates `n` parameters, in three matrices, a few times. */
function peak(n: number): number {
  const script = `
    import { jit, numpy as jnp } from '${library('jax/index.js')}';
    import * as optax from '${library('optax/index.js')}';
    const opt = optax.adamw(1e-3);
    const step = jit((p, state, g) => { const [u, next] = opt.update(g, state, p); return [optax.applyUpdates(p, u), next]; }, { donateArgnums: [0, 1] });
    const make = (x) => [0, 1, 2].map((i) => jnp.full([${n / 4}, i + 1], x, { dtype: 'float32' }));
    let p = make(1); const g = make(0.5); let state = opt.init(p);
    for (let i = 0; i < 4; i++) [p, state] = step(p, state, g);
    console.log(process.resourceUsage().maxRSS * 1024);`;
  return Number(execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }));
}

describe('memory of the fused adamw step', () => {
  it('is within 10 % of parameters, gradients and two moments', () => {
    const n = 6_000_000;  // in all 1.5 n numbers
    const needed = 4 * 4 * (n / 4) * 6;
    expect((peak(n) - peak(400)) / needed).to.be.below(1.1);
  });
});
