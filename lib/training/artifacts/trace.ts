/** The programs behind artifacts: one training step and one evaluation, traced on the types of their tensors. */
import { numpy as jnp, random, tree, type Array } from '../../jax/index.js';
import { ConcreteArray, aval, formatAval, type Aval, type NDArray } from '../../jax/array.js';
import { toArrayLeaf } from '../../jax/autodiff.js';
import { trace, type ClosedJaxpr } from '../../jax/core.js';
import { symbolicDim } from '../../jax/dims.js';
import type { GradientTransformation } from '../../optax/index.js';
import type { Description } from '../../optax/describe.js';
import type { Params, State } from '../../haiku/types.js';
import { TypeError, ValueError } from '../../runtime/errors.js';
import { callLoss, gradients as gradientsOf, join, update as updated, type Loss } from '../specification.js';

export type Style = 'classic' | 'in-graph';
/** What a tensor of the checkpoint is for. */
export type Role = 'trainable' | 'frozen' | 'state' | 'optimizer' | 'learningRate' | 'rng' | 'step';

/** A tensor of the checkpoint, and with it an input of the graphs. */
export interface Slot {
  readonly name: string; role: Role; readonly path: readonly string[]; readonly array: ConcreteArray;
  /** A key that changes: the engine writes float32 in place, which holds halves of words exactly. */
  readonly halves?: boolean;
}
/** Words uint32[…] as float32[…, 2], the upper halves first. */
export const toHalves = (words: NDArray): NDArray => {
  const wide = words.astype('int64');
  return jnp.stack([wide.floorDivide(65536), wide.mod(65536)], { axis: -1 }).astype('float32') as NDArray;
};
/** And back. */
export const fromHalves = (halves: NDArray): NDArray => {
  const wide = halves.astype('int64');
  return wide.index('...', 0).mul(65536).add(wide.index('...', 1)).astype('uint32') as NDArray;
};
/** An input that the caller feeds. */
export interface BatchInput { readonly name: string; readonly aval: Aval }

/** Everything that the two programs are made of. */
export interface Source {
  readonly loss: Loss;
  readonly freezeState: boolean;
  /** Which elements train of parameters that do not train as a whole. */
  readonly mask: Params | null;
  readonly evalLoss: Loss;
  /** Further values of the evaluation. */
  readonly outputs?: (params: any, batch: any, context: { state: State; rng: Array | null }) => unknown;
  readonly optimizer: GradientTransformation;
  /** Where the rate is a number: the optimizer again, with the rate as a tensor. */
  readonly description?: Description;
  readonly style: Style;
  /** What a gradient is multiplied with before the engine adds it up, in classic style. */
  readonly share: number;
  readonly slots: readonly Slot[];
  readonly stateDef: tree.TreeDef;
  readonly optDef: tree.TreeDef;
  readonly batchDef: tree.TreeDef;
  readonly batch: readonly BatchInput[];
}

/** A traced program whose inputs are, after the captured arrays, the slots and then the batch. */
export interface TrainProgram {
  readonly closed: ClosedJaxpr;
  readonly aux: tree.TreeDef;
  readonly auxTree: unknown;
  /** Gradients by slot, in classic style: which output belongs to which. */
  readonly gradients: readonly { readonly slot: number; readonly output: number }[];
  /** New values by slot. */
  readonly updates: readonly { readonly slot: number; readonly output: number }[];
}
export interface EvalProgram { readonly closed: ClosedJaxpr; readonly aux: tree.TreeDef; readonly auxTree: unknown; readonly outputs: tree.TreeDef; readonly outputsTree: unknown }

/** The types of a batch; with `open`, the arrays that share the first one's leading size have that dimension by name. */
export function batchAvals(leaves: readonly ConcreteArray[], open: string | null): Aval[] {
  const size = leaves.find((x) => x.ndim > 0)?.shape[0];
  return leaves.map((x) => (open !== null && x.ndim > 0 && x.shape[0] === size ? aval([symbolicDim(open), ...x.shape.slice(1)], x.dtype) : aval(x.shape, x.dtype)));
}

const avalsOf = (source: Source): Aval[] => [...source.slots.map((s) => aval(s.array.shape, s.array.dtype)), ...source.batch.map((b) => b.aval)];

/** The slots' values, sorted by what they are for. */
class Values {
  constructor(readonly source: Source, readonly all: readonly NDArray[]) {}
  #of(role: Role): NDArray[] { return this.source.slots.flatMap((s, i) => (s.role === role ? [s.halves ? fromHalves(this.all[i]) : this.all[i]] : [])); }
  params(role: 'trainable' | 'frozen'): Params {
    const map: Record<string, Record<string, NDArray>> = Object.create(null);
    this.source.slots.forEach((s, i) => { if (s.role === role) (map[s.path[0]] ??= Object.create(null))[s.path[1]] = this.all[i]; });
    return map as Params;
  }
  get state(): State { return tree.unflatten(this.source.stateDef, this.#of('state')) as State; }
  get optState(): unknown { return tree.unflatten(this.source.optDef, this.#of('optimizer')); }
  get batch(): unknown { return tree.unflatten(this.source.batchDef, this.all.slice(this.source.slots.length)); }
  one(role: Role): NDArray | null { return this.#of(role)[0] ?? null; }
}

const leavesOf = (x: unknown, what: string): NDArray[] => tree.leaves(x).map((leaf) => toArrayLeaf(leaf, `generateArtifacts: ${what}`));

/** New values must have the types of the old ones, since they go into their memory. */
function checkUpdate(slot: Slot, value: NDArray): void {
  if (formatAval(value) !== formatAval(slot.array)) throw new ValueError(`generateArtifacts: '${slot.name}' is ${formatAval(slot.array)} before the step and ${formatAval(value)} after; keep its shape and dtype.`);
}

export function traceTraining(source: Source): TrainProgram {
  const { slots, style } = source;
  const indices = (role: Role): number[] => slots.flatMap((s, i) => (s.role === role ? [i] : []));
  let auxTree: unknown;
  const gradients: { slot: number; output: number }[] = [];
  const updates: { slot: number; output: number }[] = [];
  const closed = trace((...xs) => {
    const values = new Values(source, xs);
    const [trainable, frozen, step, key] = [values.params('trainable'), values.params('frozen'), values.one('step'), values.one('rng')];
    const rng = key && random.foldIn(key, step!);
    const split = { trainable, nonTrainable: frozen, mask: source.mask };
    const { loss, grads, extraArgs, ...extra } = gradientsOf(source, split, values.batch, { state: values.state, rng });
    auxTree = extra.aux;
    const outputs: NDArray[] = [loss, ...leavesOf(extra.aux, 'aux')];
    const update = (role: Role, news: readonly NDArray[]) => indices(role).forEach((slot, i) => {
      const value = slots[slot].halves ? toHalves(news[i]) : news[i];
      checkUpdate(slots[slot], value);
      updates.push({ slot, output: outputs.push(value) - 1 });
    });
    sameStructure('state', source.stateDef, extra.state);
    update('state', leavesOf(extra.state, 'state'));
    const inOrder = (tree: Params): NDArray[] => indices('trainable').map((i) => (tree as any)[slots[i].path[0]][slots[i].path[1]]);
    if (style === 'classic') {
      const all = inOrder(grads);
      const { share } = source;
      indices('trainable').forEach((slot, i) => gradients.push({ slot, output: outputs.push(share === 1 ? all[i] : all[i].mul(share) as NDArray) - 1 }));
    }
    else {
      const rate = values.one('learningRate');
      const optimizer = rate ? source.description!.withLearningRate(rate) : source.optimizer;
      const [params, optState] = updated(optimizer, split, grads, values.optState, extraArgs);
      sameStructure('the optimizer state', source.optDef, optState);
      update('trainable', inOrder(params));
      update('optimizer', leavesOf(optState, 'optimizer state'));
    }
    if (step) update('step', [jnp.add(step, 1) as NDArray]);
    return outputs;
  }, avalsOf(source));
  return { closed, aux: tree.structure(auxTree), auxTree, gradients, updates };
}

function sameStructure(what: string, def: tree.TreeDef, after: unknown): void {
  if (tree.structure(after).key !== def.key) throw new ValueError(`generateArtifacts: ${what} has another structure after the step than before; the loss and the optimizer must return the tree that they were given.`);
}

export function traceEvaluation(source: Source): EvalProgram {
  let [auxTree, outputsTree]: unknown[] = [];
  const closed = trace((...xs) => {
    const values = new Values(source, xs);
    const params = join(values.params('trainable'), values.params('frozen'));
    const context = { state: values.state, rng: values.one('rng') };
    const result = callLoss(source.evalLoss, params, values.batch, context);
    if (result.loss.dtype !== 'float32') throw new TypeError(`generateArtifacts: the loss must be float32, but is ${result.loss}; convert it with astype('float32').`);
    auxTree = result.aux;
    outputsTree = source.outputs ? source.outputs(params, values.batch, context) : null;
    return [result.loss, ...leavesOf(auxTree, 'aux'), ...leavesOf(outputsTree, 'outputs')];
  }, avalsOf(source));
  return { closed, aux: tree.structure(auxTree), auxTree, outputs: tree.structure(outputsTree), outputsTree };
}
