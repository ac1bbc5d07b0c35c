/** Names for parts of programs, for people who look at them. They change nothing of what is computed. */
import { TypeError } from '../runtime/errors.js';
import { checkOptions } from '../runtime/options.js';
import { checkFunction, type Fn } from './autodiff.js';
import { withScope } from './core.js';

function checkName(where: string, name: unknown): string {
  if (typeof name !== 'string' || name === '') throw new TypeError(`${where}: a part of a program is named by a text that is not empty, but got ${name === '' ? "''" : typeof name}.`);
  return name;
}

/**
 * Runs `fn`, and gives what it traces a name: in pictures (`hk.toDot`) and lists (`jaxprInfo`) of programs it is a part of
 * its own, its gradients too. As `jax.named_scope`.
 *
 * ```ts
 * const logits = jax.namedScope('head', () => x.matmul(w).add(b));
 * ```
 */
export const namedScope = <T>(name: string, fn: () => T): T => withScope(checkName('namedScope', name), fn);

/** A function whose calls are each a `namedScope`, of its own name or of `options.name`. As `jax.named_call`. */
export function namedCall<F extends Fn>(fun: F, options?: { name?: string }): F {
  checkFunction(fun, 'namedCall');
  const name = checkName('namedCall', checkOptions('namedCall', options, ['name']).name ?? (fun.name || 'anonymous'));
  return ((...args) => withScope(name, () => fun(...args) as unknown)) as F;
}
