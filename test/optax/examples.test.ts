/** The examples in the room's comments run, and every public function has one. */
import { expect } from 'chai';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import * as jax from '../../lib/jax/index.js';
import * as optax from '../../lib/optax/index.js';
import { packageRoot } from '../goldens/cases.js';

const room = join(packageRoot(), 'lib/optax');
interface Example { readonly where: string; readonly code: string }

/** The code under `@example` in every comment of the room, with the name of what follows the comment. */
const examples: Example[] = (readdirSync(room, { recursive: true }) as string[]).filter((f) => f.endsWith('.ts')).sort().flatMap((file) =>
  [...readFileSync(join(room, file), 'utf8').matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*(?:export )?(?:function|const|class|interface)\s+(\w+)/g)].flatMap(([, comment, name]) => {
    const found = /@example\n([\s\S]*?)(?=\n \*\s*\n \* @|\n \*\s*$|\n $|$)/.exec(comment!);
    return found ? [{ where: `${file}, ${name}`, code: found[1]!.split('\n').map((line) => line.replace(/^ \* ?/, '')).join('\n') }] : [];
  }));

const { numpy: jnp, nn, random, tree, grad, jit } = jax;
const params = () => ({ linear: { b: jnp.array([0.5, -1]), w: jnp.array([[1, 2], [-3, 4]]) } });
const grads = () => ({ linear: { b: jnp.array([1, -2]), w: jnp.array([[0.5, 0], [3, -1]]) } });

describe('examples in comments', () => {
  it('are there', () => expect(examples.length).to.be.above(130));
  for (const { where, code } of examples) {
    it(where, () => {
      const p: any = /mlp\/~/.test(code) ? { 'mlp/~/linear_0': params().linear, 'mlp/~/linear_1': params().linear } : params();
      const g: any = /mlp\/~/.test(code) ? { 'mlp/~/linear_0': grads().linear, 'mlp/~/linear_1': grads().linear } : grads();
      const scope: Record<string, unknown> = {
        optax, jnp, nn, random, tree, grad, jit, params: p, grads: g, labels: /multiTransform/.test(code) ? { linear: { b: 'train', w: 'freeze' } } : jnp.array([0, 2]).astype('int32'),
        logits: jnp.array([[1, 2, 3], [0, -1, 1]]),
      };
      if (!/\bopt = /.test(code)) scope.opt = optax.sgd(0.1);
      if (!/\bstate\b = |\[updates, nextState\] = |const state/.test(code)) scope.state = optax.sgd(0.1).init(p);
      const names = Object.keys(scope);
      // What an example makes as `opt` must also work.
      const run = new Function(...names, `${code.replace(/^import .*$/gm, '')}\nreturn typeof opt === 'undefined' ? undefined : opt;`);
      const opt = run(...names.map((n) => scope[n])) as optax.GradientTransformation | undefined;
      if (!opt || where.includes('lookahead')) return;
      const [updates] = opt.update(g, opt.init(p), p, { value: jnp.array(0.5), grad: g, valueFn: (q: any) => optax.tree.norm(q, { squared: true }) });
      expect(tree.leaves(updates).length).to.be.above(0);
    });
  }

  it('none is missing', () => {
    const named = new Set(examples.map((e) => e.where.split(', ')[1]));
    const missing = Object.entries({ ...optax, ...optax.contrib }).filter(([name, f]) => typeof f === 'function' && /^[a-z]/.test(name) && !named.has(name) && !named.has(f.name)).map(([name]) => name);
    expect(missing.filter((name) => !['initEmptyState', 'isZeroUpdate'].includes(name)).sort()).to.deep.equal([]);
  });
});
