/**
 * Low-rank adapters (Hu et al., 2021): a frozen matrix W is used as W + A·B · alpha / rank, where A and B are small and train. They
 * lie in the parameter map beside their matrix (`weight`, and `weight_lora_a`, `weight_lora_b`, `weight_lora_scale`), so that
 * everything that takes a parameter map takes them too. `apply` multiplies by A and by B, and never makes their product.
 */
import { lax, numpy as jnp, random, type Array } from '../jax/index.js';
import { traverse } from '../haiku/data-structures.js';
import type { MutableParams, Params } from '../haiku/types.js';
import { ShapeError, ValueError } from '../runtime/errors.js';
import { checkOptions } from '../runtime/options.js';
import { selector, type Selection } from '../runtime/patterns.js';
import { Adapted } from './values.js';

const [A, B, SCALE] = ['_lora_a', '_lora_b', '_lora_scale'];

export interface LoraOptions {
  /** Which matrices get adapters; everything else that it meets stays as it is. */
  match: Selection<Array>;
  /** The inner size of A·B. */
  rank?: number;
  /** A·B is multiplied by alpha / rank. Default: twice the rank. */
  alpha?: number;
  /** The key that A is drawn with. Default PRNGKey(0). */
  rng?: Array;
}
export interface Lora {
  /** The map with the adapters in it; it computes what the map did without them, since B begins as zeros. */
  readonly params: Params;
  /** What trains: the adapters, and nothing else. */
  readonly trainable: (module: string, name: string) => boolean;
}

/** Whether a name is that of an adapter's trainable part. */
const isAdapter = (name: string): boolean => name.endsWith(A) || name.endsWith(B);

function copyOf(params: Params): MutableParams {
  const out: MutableParams = Object.create(null);
  for (const [module, name, value] of traverse(params)) (out[module] ??= Object.create(null))[name] = value;
  return out;
}

/**
 * Adds adapters to the matrices that `match` selects.
 *
 * @example
 * const { params, trainable } = lora(model.params, { match: '**\/attention', rank: 8 });
 * const step = trainStep({ loss, optimizer: optax.adamw(1e-4), trainable });
 * …
 * exportModel(model, carry.params, 'tuned.onnx');      // merged
 *
 * @throws ValueError where a pattern meets nothing, or no matrix
 */
export function lora(params: Params, options: LoraOptions): Lora {
  const { match, rank = 8, alpha = 2 * rank, rng = random.PRNGKey(0) } = checkOptions('lora', options, ['match', 'rank', 'alpha', 'rng']);
  if (match === undefined) throw new ValueError('lora: options.match must say which matrices get adapters, such as \'**/attention\'.');
  if (!Number.isInteger(rank) || rank < 1) throw new ValueError(`lora: rank must be a whole number of at least 1, got ${rank}.`);
  const entries = [...traverse(params)] as (readonly [string, string, Array])[];
  const marks = selector(match, 'lora: match').over(entries);
  const chosen = entries.filter(([, name, value], i) => marks[i] && value.ndim === 2 && !isAdapter(name));
  if (chosen.length === 0) throw new ValueError(`lora: match selects no matrix, only ${entries.filter((_, i) => marks[i]).slice(0, 4).map(([m, n, v]) => `'${m}/${n}' (${String(v)})`).join(', ') || 'nothing'}; adapters are for arrays of two axes.`);
  const out = copyOf(params);
  chosen.forEach(([module, name, w], i) => {
    const [rows, columns] = w.shape;
    if (rank > Math.min(rows, columns)) throw new ValueError(`lora: rank ${rank} is more than '${module}', '${name}' (${String(w)}) can have, which is ${Math.min(rows, columns)}.`);
    if (name + A in out[module]) throw new ValueError(`lora: '${module}', '${name}' has an adapter already; merge it first with mergeLora.`);
    out[module][name + A] = random.normal(random.foldIn(rng, i), [rows, rank]).mul(1 / Math.sqrt(rows)).astype(w.dtype);
    out[module][name + B] = jnp.zeros([rank, columns], { dtype: w.dtype });
    out[module][name + SCALE] = jnp.array(alpha / rank, { dtype: w.dtype });
  });
  return { params: out, trainable: (_module, name) => isAdapter(name) };
}

/** The parameter under that name with its adapter, or alone. */
export function adapted(bundle: Readonly<Record<string, Array>>, name: string, base: Array): Array | Adapted {
  if (!Object.hasOwn(bundle, name + A)) return base;
  const [a, b, scale] = [A, B, SCALE].map((s) => bundle[name + s]);
  if (!b || !scale) throw new ValueError(`The adapter of '${name}' lacks '${name}${b ? SCALE : B}'.`);
  if (a.ndim !== 2 || b.ndim !== 2 || a.shape[0] !== base.shape[0] || b.shape[1] !== base.shape[1] || a.shape[1] !== b.shape[0]) {
    throw new ShapeError(`The adapter of '${name}' (${String(base)}) must be two matrices whose product has its shape, got ${String(a)} and ${String(b)}.`);
  }
  return new Adapted(base, a, lax.mul(b, lax.reshape(scale, [])));
}

/** The map without adapters: each is added to its matrix. What `exportModel` writes. */
export function mergeLora(params: Params): Params {
  const out: MutableParams = Object.create(null);
  for (const [module, name, value] of traverse(params) as Iterable<readonly [string, string, Array]>) {
    if (isPart(params[module], name)) continue;
    const v = adapted(params[module], name, value);
    (out[module] ??= Object.create(null))[name] = v instanceof Adapted ? v.array : v;
  }
  return out;
}

/** Whether a name belongs to the adapter of another. */
export function isPart(bundle: Readonly<Record<string, unknown>>, name: string): boolean {
  const suffix = [A, B, SCALE].find((s) => name.endsWith(s));
  return suffix !== undefined && Object.hasOwn(bundle, name.slice(0, -suffix.length));
}
