import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { packageRoot } from '../../lib/runtime/native.js';

/** Peak memory, in MB, of a process that takes the gradient of 64 layers, of which every eight are one checkpoint or not. */
function peak(checkpointed: boolean): { before: number; after: number; sum: number } {
  const script = `
    const { checkpoint, grad, jit, lax, numpy: jnp } = await import(${JSON.stringify(pathToFileURL(join(packageRoot(), 'dist/lib/jax/index.js')).href)});
    const eight = (x, w) => { for (let i = 0; i < 8; i++) x = lax.sin(jnp.matmul(x, w)); return x; };
    const part = ${checkpointed} ? checkpoint(eight) : eight;
    const loss = (x, w) => { for (let i = 0; i < 8; i++) x = part(x, w); return jnp.sum(x); };
    const [x, w] = [jnp.ones([8192, 32]), jnp.ones([32, 32]).mul(0.05)];
    const { readFileSync } = await import('node:fs');
    // Not maxRSS: a process inherits it from the one that started it.
    const megabytes = () => Number(/VmHWM:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024;
    jit(grad(loss))(jnp.ones([2, 32]), w);
    const before = megabytes();
    const g = jit(grad(loss))(x, w);
    process.stdout.write(JSON.stringify({ before, after: megabytes(), sum: jnp.sum(g).item() }));`;
  return JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })) as { before: number; after: number; sum: number };
}

const known = existsSync('/proc/self/status');
describe(`peak memory${known ? '' : ' (pending: this system has no /proc/self/status)'}`, () => {
  before(function () { if (!known) this.skip(); });
  it('a checkpoint keeps the inputs of its parts instead of every activation', function () {
    const [plain, kept] = [peak(false), peak(true)];
    expect(kept.sum).to.equal(plain.sum);
    // 64 products and as many sines of 1 MB each, against 8 inputs and what 8 layers need.
    expect(plain.after - plain.before).to.be.above(50);
    expect(kept.after - kept.before).to.be.below(0.5 * (plain.after - plain.before));
  });
});
