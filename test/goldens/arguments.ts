/**
 * The argument rule: what the peer requires is positional, in the peer's order; so are operands, functions, shapes and
 * `start, stop, step`, defaults or not; every other argument that has a default is configuration and goes into one
 * trailing options object with camelCase keys. Applied mechanically, from `names` and `required` of a call and from the
 * peers' recorded signatures (`signatures.json`: callee → [how many are required, names in order]).
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { goldensFolder } from './cases.js';
import { camelCase } from './names.js';

type Signature = readonly [number, ...string[]];

let signatures: Record<string, Signature> | undefined;
function signatureOf(callee: string | undefined): Signature | undefined {
  if (callee === undefined) return undefined;
  signatures ??= JSON.parse(readFileSync(join(goldensFolder(), 'signatures.json'), 'utf8')) as Record<string, Signature>;
  return Object.hasOwn(signatures, callee) ? signatures[callee] : undefined;
}

/** Parameters that are operands, shapes or ranges although the peer has a default for them, by callee. */
const OPERANDS: readonly (readonly [RegExp, readonly string[]])[] = [
  [/^hk\..*\.__call__$/, ['mask', 'scale', 'offset', 'multiplier']],
  [/^hk\.get_state$/, ['shape']],
  [/^jnp\./, ['x', 'y', 'arr', 'min', 'max', 'shape', 'start', 'stop', 'step', 'num']],
  [/^jnp\.transpose$/, ['axes']],
  [/^jax\./, ['fun']],
  [/^jax\.random\./, ['shape', 'num']],
  [/^jax\.random\.bernoulli$/, ['p']],
  [/^jax\.scipy\.stats\./, ['loc', 'scale']],
  [/^lax\.(scan|slice)/, ['xs', 'strides']],
  [/^optax\.losses\.|^optax\.(l2_loss|huber_loss|log_cosh|squared_error)$/, ['targets']],
];

const isOperand = (callee: string | undefined, name: string): boolean =>
  callee !== undefined && OPERANDS.some(([pattern, names]) => pattern.test(callee) && names.includes(name));

/** A call as the golden tells it, its arguments evaluated. */
export interface PythonCall {
  /** The peer's name of what is called; undefined for a function that the expression made. */
  readonly callee: string | undefined;
  readonly args: readonly unknown[];
  readonly kwargs: readonly (readonly [string, unknown])[];
  readonly names?: readonly string[] | undefined;
  readonly required?: number | undefined;
}

/** The same call's arguments for the public API. */
export function placeArguments(call: PythonCall): unknown[] {
  const signature = signatureOf(call.callee);
  const order = signature?.slice(1) as string[] | undefined ?? call.names ?? [];
  const required = call.required ?? signature?.[0] ?? call.args.length;
  const places = order.filter((name, i) => i < required || isOperand(call.callee, name));
  const positional: unknown[] = [];
  const rest: unknown[] = [];
  const options: Record<string, unknown> = {};
  const put = (name: string, value: unknown): void => {
    const place = places.indexOf(name);
    if (place >= 0) positional[place] = value;
    // NumPy's sizes `N` and `M` are no class names.
    else options[name.length === 1 ? name.toLowerCase() : camelCase(name)] = value;
  };
  // What lies beyond the named parameters went into Python's `*args`.
  const named = call.names?.length ?? order.length;
  for (const [i, value] of call.args.entries()) {
    if (i >= named && i >= required) rest.push(value);
    else if (i < required) positional[i] = value;
    else put(order[i], value);
  }
  // Without a signature the first keywords stand for what is still missing of the required ones.
  let missing = signature === undefined ? required - call.args.length : 0;
  for (const [name, value] of call.kwargs) {
    if (missing-- > 0) positional.push(value);
    else put(name, value);
  }
  if (Object.keys(options).length > 0) {
    if (rest.length === 0) positional.length = Math.max(positional.length, places.length);
    rest.push(options);
  }
  return [...Array.from(positional), ...rest];
}
