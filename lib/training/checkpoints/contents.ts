/**
 * What a checkpoint holds, as named arrays, whoever trained: taken from a training step's tree, and put back into one by
 * name. `session.ts` does the same for training sessions.
 */
import { devicePut, tree, type Array } from '../../jax/index.js';
import { ConcreteArray, formatAval, fromBytes } from '../../jax/array.js';
import { formatShape } from '../../jax/dims.js';
import { isFloat, promoteDTypes } from '../../jax/dtypes.js';
import { map, traverse } from '../../haiku/data-structures.js';
import type { Params } from '../../haiku/types.js';
import { encode } from '../../runtime/elements.js';
import { ValueError } from '../../runtime/errors.js';
import { join } from '../specification.js';
import type { TrainTree } from '../train-step.js';
import { labelled } from '../artifacts/names.js';
import type { CheckpointManifest, Json } from './manifest.js';
import { namedLeaves, namedParams, type Named } from './named.js';
import type { RestoreReport } from './report.js';

export interface Contents {
  readonly params: Named;
  readonly state: Named;
  /** By key path: `0/mu/mlp/~/linear_0/w`. */
  readonly optimizer: Named;
  readonly trainable: readonly string[];
  readonly rng: ConcreteArray | null;
  readonly step: number;
  readonly optimizerKind: string;
  readonly session: Json;
}

/** A checkpoint and the tree that should take it do not have the same names and types. */
export class CheckpointMismatchError extends ValueError {
  constructor(message: string, readonly report: RestoreReport) { super(message, 'CHECKPOINT_MISMATCH'); }
}

/** Takes the arrays themselves, no copies. */
export function contentsOf(carry: TrainTree): Contents {
  return {
    params: namedParams(join(carry.trainable, carry.nonTrainable)),
    state: namedLeaves(carry.state, 'The state'),
    optimizer: namedLeaves(carry.optState, 'The optimizer state'),
    trainable: [...traverse(carry.trainable)].map(([module, name]) => `${module}/${name}`),
    rng: carry.rng as ConcreteArray | null,
    step: carry.step.item(),
    optimizerKind: outline(tree.structure(carry.optState)) || 'none',
    session: null,
  };
}

/** The tree again, with the values of `contents` where it has them. It lives where the old one did; arrays without a new value are the old ones. */
export function withContents(carry: TrainTree, contents: Contents): TrainTree {
  const place = <T extends Array>(old: T, found: ConcreteArray | undefined): T => (found && found !== (old as unknown) ? devicePut(found, (old as unknown as ConcreteArray).device) as unknown as T : old);
  const params = (half: Params): Params => map((module, name, old: Array) => place(old, contents.params.get(`${module}/${name}`)), half);
  const byPath = <T>(x: T, named: Named): T => {
    const names = labelled(x).map(({ labels }) => labels.join('/'));
    const [leaves, def] = tree.flatten(x);
    return tree.unflatten(def, leaves.map((old, i) => place(old as Array, named.get(names[i])))) as T;
  };
  const { device } = carry.step as unknown as ConcreteArray;
  return {
    trainable: params(carry.trainable), nonTrainable: params(carry.nonTrainable),
    state: byPath(carry.state, contents.state), optState: byPath(carry.optState, contents.optimizer),
    rng: contents.rng && devicePut(contents.rng, device), step: devicePut(fromBytes('int32', [], new Int32Array([contents.step])), device),
    mask: carry.mask,
  };
}

/** The classes of a state: `[ScaleByAdamState, EmptyState]`. */
export function outline(def: tree.TreeDef): string {
  const inner = (): string[] => def.children.map(outline);
  const some = (texts: string[]): string[] => texts.filter(Boolean);
  switch (def.kind) {
    case 'list': return `[${inner().join(', ')}]`;
    case 'dict': return some(inner().map((text, i) => text && `${def.keys![i]}: ${text}`)).join(', ');
    case 'node': {
      // Stands for a parameter that is left out.
      if (def.node!.name === 'MaskedNode') return '';
      const parts = some(inner());
      return parts.length ? `${def.node!.name}(${parts.join(', ')})` : def.node!.name;
    }
    default: return '';
  }
}

/** Where the optimizer's schedules are: its own count of updates, or the step where it keeps none. */
export function scheduleStep({ optimizer, step }: Contents): number {
  const counts = [...optimizer].filter(([name, x]) => /(^|\/)count$/.test(name) && x.size === 1).map(([, x]) => Number(x.item()));
  return counts.length ? Math.max(...counts) : step;
}

export const encodeKey = (rng: ConcreteArray | null): CheckpointManifest['rng'] => rng && { dtype: rng.dtype, shape: [...rng.shape], data: globalThis.Array.from(rng.data, Number) };
export const decodeKey = (rng: CheckpointManifest['rng']): ConcreteArray | null => rng && fromBytes(rng.dtype, rng.shape, encode(rng.dtype, rng.data));

/** The parameter that a path of optimizer state ends in, or undefined. */
function owner(path: string, parameters: ReadonlySet<string>): string | undefined {
  for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) if (parameters.has(path.slice(at + 1))) return path.slice(at + 1);
  return parameters.has(path) ? path : undefined;
}

/**
 * The values of a checkpoint by the names of `wanted`; what it lacks stays as it is in `wanted`.
 * Optimizer state follows its parameter: it is kept where the parameter goes on training, begins anew where it begins to, and
 * is left behind where it no longer does.
 *
 * @throws CheckpointMismatchError where `strict` and any name is missing, left over or of another type
 */
export function reconcile(wanted: Contents, found: Contents, path: string, strict: boolean): { contents: Contents; report: RestoreReport } {
  const report = { missing: [] as string[], extra: [] as string[], mismatched: [] as { name: string; expected: string; found: string }[], fresh: [] as string[], dropped: [] as string[] };
  const merge = (part: 'params' | 'state' | 'optimizer', isFresh = (_: string) => false, isDropped = (_: string) => false): Named => {
    const [mine, theirs] = [wanted[part], found[part]];
    const shown = (name: string) => (part === 'params' ? name : `${part}/${name}`);
    const out = new Map<string, ConcreteArray>();
    for (const [name, old] of mine) {
      const value = theirs.get(name);
      if (value && (formatAval(value) === formatAval(old) || (part === 'optimizer' && isWidened(old, value)))) { out.set(name, value); continue; }
      out.set(name, old);
      if (value) report.mismatched.push({ name: shown(name), expected: formatAval(old), found: formatAval(value) });
      else (isFresh(name) ? report.fresh : report.missing).push(shown(name));
    }
    for (const name of theirs.keys()) if (!mine.has(name)) (isDropped(name) ? report.dropped : report.extra).push(shown(name));
    return out;
  };
  const [now, before] = [wanted, found].map((c) => new Set(c.trainable));
  const trained = (by: ReadonlySet<string>, names: Named) => {
    const all = new Set(names.keys());
    return (path: string): boolean => { const name = owner(path, all); return name !== undefined && !by.has(name); };
  };
  const contents: Contents = {
    ...wanted, step: found.step, rng: found.rng, session: found.session,
    params: merge('params'), state: merge('state'),
    optimizer: merge('optimizer', trained(before, wanted.params), trained(now, found.params)),
  };
  const faults = [...list('is missing', 'are missing', report.missing), ...list('is in it and not wanted', 'are in it and not wanted', report.extra),
    ...report.mismatched.slice(0, 4).map(({ name, expected, found: there }) => `'${name}' is ${there} there and ${expected} here`)];
  if (strict && faults.length > 0) {
    const optimizers = wanted.optimizerKind === found.optimizerKind ? '' : ` (its optimizer was ${found.optimizerKind}, and this one is ${wanted.optimizerKind})`;
    throw new CheckpointMismatchError(`The checkpoint ${path} does not fit${optimizers}: ${faults.join('; ')}; restore it into the same model, or pass { strict: false } to take what fits.`, report);
  }
  return { contents, report };
}

/** Optimizer state may begin in a narrower dtype than it has after a step. */
const isWidened = (old: ConcreteArray, value: ConcreteArray): boolean =>
  formatShape(value.shape) === formatShape(old.shape) && isFloat(old.dtype) && promoteDTypes(old.dtype, value.dtype) === value.dtype;

function list(one: string, many: string, names: readonly string[]): string[] {
  if (names.length === 0) return [];
  const shown = names.slice(0, 4).map((n) => `'${n}'`).join(', ');
  return [`${names.length > 4 ? `${shown} and ${names.length - 4} more` : shown} ${names.length > 1 ? many : one}`];
}
