import { spawnSync } from 'node:child_process';
import { expect } from 'chai';
import { customJvp, grad, jit, lax, numpy as jnp, pureCallback, vmap, type Array } from '../../lib/jax/index.js';
import { onEveryEngine, thrown } from './helpers.js';

const like = (shape: number[]) => ({ shape, dtype: 'float32' as const });
const twice = (x: Array): Array => pureCallback((v: Array) => jnp.array(Float32Array.from(v.data as Float32Array, (y) => 2 * y)).reshape(v.shape), like(x.shape), x);

describe('pureCallback', () => {
  onEveryEngine('is called with values, inside and outside jit', () => {
    const x = jnp.array([1, 2, 3]);
    expect(twice(x).tolist()).to.deep.equal([2, 4, 6]);
    expect(jit((v: Array) => jnp.add(twice(lax.square(v)), 1))(x).tolist()).to.deep.equal([3, 9, 19]);
    const tree = jit((v: Array) => pureCallback(({ a }: { a: Array }) => ({ sum: jnp.sum(a), n: jnp.array(3, { dtype: 'int32' }) }), { sum: like([]), n: { shape: [], dtype: 'int32' } }, { a: v }))(x);
    expect([tree.sum.item(), tree.n.item()]).to.deep.equal([6, 3]);
    expect(jit(() => pureCallback(() => 4.5, like([])))().item()).to.equal(4.5);
  });

  it('answers a run on another thread', async () => {
    expect((await jit(twice).async(jnp.array([4]))).tolist()).to.deep.equal([8]);
  });

  it('under vmap, loops and rules', () => {
    const xs = jnp.array([[1, 2], [3, 4]]);
    const calls: number[][] = [];
    const f = (vmapMethod: string) => (x: Array) => pureCallback((v: Array) => { calls.push(v.shape); return jnp.negative(v); }, like([2]), x, { vmapMethod });
    expect(vmap(f('sequential'))(xs).tolist()).to.deep.equal([[-1, -2], [-3, -4]]);
    expect(vmap(f('broadcastAll'))(xs).tolist()).to.deep.equal([[-1, -2], [-3, -4]]);
    expect(calls).to.deep.equal([[2], [2], [2, 2]]);
    expect(thrown(() => vmap(twice)(xs)).message).to.match(/vmapMethod/);
    const g = customJvp(twice);
    g.defjvp(([x]: Array[], [t]: Array[]) => [twice(x), jnp.multiply(t, 2)]);
    expect(grad((x: Array) => jnp.sum(g(x)))(xs.index(0)).tolist()).to.deep.equal([2, 2]);
    expect(thrown(() => grad((x: Array) => jnp.sum(twice(x)))(xs.index(0))).message).to.match(/no derivative/);
  });

  it('its mistakes become errors of the call', async () => {
    const run = (f: (x: Array) => any) => thrown(() => jit((x: Array) => pureCallback(f, like([1]), x))(jnp.array([1]))).message;
    expect(run(() => { throw new Error('not today'); })).to.match(/not today/);
    expect(run(() => jnp.ones([2]))).to.match(/declared as f32\[1\], but the function returned f32\[2\]/);
    expect(run((x) => x.astype('int32'))).to.match(/convert it with astype/);
    const failed = await jit((x: Array) => pureCallback(() => { throw new Error('not tomorrow'); }, like([1]), x)).async(jnp.array([1])).then(() => 'nothing', (e: Error) => e.message);
    expect(failed).to.match(/not tomorrow/);
  });

  it('a process may end while an answer is awaited', () => {
    const script = `import { jit, numpy as jnp, pureCallback } from ${JSON.stringify(new URL('../../lib/jax/index.js', import.meta.url).href)};
      void jit((x) => pureCallback((v) => v, { shape: [1], dtype: 'float32' }, x)).async(jnp.ones([1]));
      const until = Date.now() + 50; while (Date.now() < until);
      process.exit(7);`;
    expect(spawnSync(process.execPath, ['--input-type=module', '-e', script], { timeout: 30000 }).status).to.equal(7);
  });
});
