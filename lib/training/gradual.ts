/**
 * What trains, as a schedule: groups of parameters that begin to train during a run, and may be frozen again. Each group has
 * its own optimizer state, so that its step count begins with it.
 */
import { tree } from '../jax/index.js';
import { traverse, type Structure } from '../haiku/data-structures.js';
import { fromEntries, fromStore, isMapping, setInStore, type Store } from '../haiku/mappings.js';
import type { Params } from '../haiku/types.js';
import type { GradientTransformation, OptState } from '../optax/index.js';
// Not by way of the index: who imports hokku need not load every optimizer.
import { PartitionState } from '../optax/transforms/combining.js';
import { TypeError, ValueError } from '../runtime/errors.js';
import { checkOptions } from '../runtime/options.js';
import { selector, theModules, type Entry, type Selection } from '../runtime/patterns.js';
import type { TrainTree } from './carry.js';
import { join } from './specification.js';

/** What happens before a step: these parameters begin to train, or go on; those are frozen. */
export interface Unfreezing { readonly unfreeze?: Selection; readonly freeze?: Selection }
interface Event extends Unfreezing { readonly step: number }

/** A schedule of what trains: see `gradualUnfreezing`. */
export class GradualUnfreezing {
  /** @internal */
  constructor(readonly events: readonly Event[]) {}

  /** The phases of a run over these parameters. */
  phases(params: Params): Phases {
    const entries = [...traverse(params)];
    const now = entries.map(() => false);
    const history = entries.map((): number[] => []);
    for (const { step, unfreeze, freeze } of this.events) {
      const marks = (selection: Selection | undefined) => (selection === undefined ? [] : selector(selection, `gradualUnfreezing, step ${step}`).over(entries));
      const [on, off] = [marks(unfreeze), marks(freeze)];
      now.forEach((was, i) => {
        const trains = off[i] ? false : on[i] || was;
        if (trains !== was) history[i].push(step);
        now[i] = trains;
      });
      if (!now.includes(true)) throw new ValueError(`gradualUnfreezing: from step ${step} on nothing trains; ${theModules(entries)}`);
    }
    return new Phases(this.events.map((e) => e.step), entries, history);
  }
}

/**
 * A schedule for `trainable`: from each of these steps on the parameters selected train too. Or `{ freeze, unfreeze }`, which
 * also freezes some again.
 *
 * Parameters that are switched together are a group with an optimizer state of its own, as in an `optax.multiTransform`
 * whose groups start late: a group's state begins when it first trains, its counts (Adam's, a schedule's) from zero, and
 * a group that is frozen keeps it and goes on from there. A clip by global norm is one over a group. Before it
 * trains, and while it is frozen again, a group costs nothing. The carry's `optState` is a `PartitionState` with a state for
 * each group that has trained, named by its steps: `0-`, `1000-`, `1000-5000,8000-`.
 *
 * ```ts
 * const trainable = gradualUnfreezing({ 0: 'head', 1000: '**' });
 * const step = trainStep({ loss, optimizer: optax.adam(1e-3), trainable });
 * gradualUnfreezing({ 0: 'head', 1000: 'block_3', 2000: { unfreeze: 'block_2', freeze: 'head' } });
 * ```
 * @throws ValueError where it does not begin at step 0; when it meets the parameters, for patterns that match nothing and
 * steps from which on nothing trains.
 */
export function gradualUnfreezing(events: Readonly<Record<number, Selection | Unfreezing>>): GradualUnfreezing {
  if (!isMapping(events)) throw new TypeError("gradualUnfreezing: expected { step: what trains from then on }, such as { 0: 'head', 1000: 'block_3' }.");
  const parsed = Object.entries(events).map(([key, value]): Event => {
    const step = Number(key);
    if (!Number.isSafeInteger(step) || step < 0) throw new ValueError(`gradualUnfreezing: '${key}' is no step; steps are whole numbers from 0 on.`);
    return isMapping(value) ? { step, ...checkOptions(`gradualUnfreezing, step ${step}`, value as Unfreezing, ['unfreeze', 'freeze']) } : { step, unfreeze: value as Selection };
  }).sort((a, b) => a.step - b.step);
  if (parsed[0]?.step !== 0) throw new ValueError(`gradualUnfreezing: say what trains from step 0 on${parsed.length ? `; the first step here is ${parsed[0].step}` : ''}.`);
  return new GradualUnfreezing(parsed);
}

/** A schedule over known parameters. */
export class Phases {
  readonly #starts: readonly number[];
  /** The group of each parameter that ever trains. */
  readonly #labels: Structure<string>;
  readonly #changes = new Map<string, readonly number[]>();

  constructor(starts: readonly number[], entries: readonly Entry[], history: readonly (readonly number[])[]) {
    this.#starts = starts;
    const labels: Store<string> = new Map();
    entries.forEach(([module, name], i) => {
      if (history[i].length === 0) return;
      const label = history[i].map((step, k) => (k % 2 ? `${step}` : `${k ? ',' : ''}${step}-`)).join('');
      this.#changes.set(label, history[i]);
      setInStore(labels, module, name, label);
    });
    this.#labels = fromStore(labels, (x) => x);
  }

  /** Which phase a step is in. */
  at(step: number): number { return this.#starts.findLastIndex((start) => start <= step); }

  trains(phase: number, module: string, name: string): boolean { return this.#switched(phase, module, name) % 2 === 1; }
  /** Whether a parameter trains or has trained: then its group has a state. */
  begun(phase: number, module: string, name: string): boolean { return this.#switched(phase, module, name) > 0; }

  /** How many times a parameter was switched until a phase. */
  #switched(phase: number, module: string, name: string): number {
    const label = this.#labelOf(module, name);
    return label === undefined ? 0 : this.#changes.get(label)!.filter((step) => step <= this.#starts[phase]).length;
  }

  /** Whether a tree is split as in this phase, with a state for each group that has begun. */
  fits(phase: number, { trainable, nonTrainable, optState }: Pick<TrainTree, 'trainable' | 'nonTrainable' | 'optState'>): boolean {
    const all = (half: Params, trains: boolean): boolean => [...traverse(half)].every(([module, name]) => this.trains(phase, module, name) === trains);
    const labels = [...this.#changes].filter(([, [first]]) => first <= this.#starts[phase]).map(([label]) => label);
    return optState instanceof PartitionState && Object.keys(optState.innerStates).sort().join('\n') === labels.sort().join('\n') && all(trainable, true) && all(nonTrainable, false);
  }

  #labelOf(module: string, name: string): string | undefined {
    return Object.hasOwn(this.#labels, module) && Object.hasOwn(this.#labels[module], name) ? this.#labels[module][name] : undefined;
  }

  #groups(map: Params): [label: string, part: Params][] {
    const groups = new Map<string, Store<any>>();
    for (const [module, name, value] of traverse(map)) {
      const label = this.#labelOf(module, name)!;
      if (!groups.has(label)) groups.set(label, new Map());
      setInStore(groups.get(label)!, module, name, value);
    }
    return [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([label, part]) => [label, fromStore(part, (x) => x)]);
  }

  /** One optimizer a group: of those whose parameters it is given; the states of the others pass. */
  optimizer(each: GradientTransformation): GradientTransformation {
    return {
      init: (params) => new PartitionState({ innerStates: fromEntries(this.#groups(params).map(([label, part]) => [label, each.init(part)])) }),
      update: (grads, state, params, extraArgs) => {
        const own = new Map(this.#groups(params));
        const others = (label: string): Params => [...own].reduce((all, [other, part]) => (other === label ? all : join(all, part)), {} as Params);
        // Of the whole loss a group sees what its own values do to it.
        const extra = (label: string, grad: Params) => extraArgs && { ...extraArgs, grad, valueFn: (part: Params) => extraArgs.valueFn!(join(part, others(label))) };
        const results = this.#groups(grads).map(([label, part]) => [label, ...each.update(part, state.innerStates[label], own.get(label), extra(label, part))] as const);
        const innerStates = { ...state.innerStates, ...fromEntries(results.map(([label, , next]) => [label, next])) };
        return [results.reduce((all, [, updates]) => join(all, updates), {} as Params), new PartitionState({ innerStates })];
      },
    };
  }

  /** The state `fresh` of the groups that have begun, gone on from what `before` has of them. */
  optState(fresh: OptState, before: OptState): OptState {
    const old: Record<string, OptState> = before instanceof PartitionState ? before.innerStates : { before };
    const states = Object.entries(fresh.innerStates as Record<string, OptState>).map(([label, state]): [string, OptState] =>
      [label, Object.hasOwn(old, label) ? inherit(state, old[label], true) : Object.values(old).reduce((one, other) => inherit(one, other), state)]);
    return new PartitionState({ innerStates: fromEntries(states) });
  }
}

/** As `inherit`, for a step without a schedule: of a state in groups it takes what they hold of its parameters. */
export const carriedOver = (fresh: OptState, before: OptState): OptState => (before instanceof PartitionState && !(fresh instanceof PartitionState)
  ? Object.values(before.innerStates).reduce((one, other) => inherit(one, other), fresh) : inherit(fresh, before, true));

/** The optimizer state `fresh`, with what `before` has at the same places; nothing where it holds none of its parameters, unless it is its own. */
function inherit(fresh: OptState, before: OptState, own = false): OptState {
  const [leaves, def] = tree.flatten(fresh);
  let named = 0;
  const values: unknown[] = [];
  const walk = (d: tree.TreeDef, x: unknown, depth: number): void => {
    if (d.kind === 'leaf') {
      const leaf = leaves[values.length] as { aval: unknown };
      const same = (x as { aval?: unknown } | undefined)?.aval === leaf.aval;
      if (same && depth > 1) named++;
      values.push(same ? x : leaf);
      return;
    }
    const def = x === undefined || x === null ? null : tree.structure(x, (y) => y !== x);
    const fits = def?.kind === d.kind && def.node === d.node && (d.kind === 'dict' || def.children.length === d.children.length);
    const inner = fits ? new Map(tree.leaves(x, (y) => y !== x).map((child, i) => [d.kind === 'dict' ? def.keys![i] : String(i), child])) : new Map<string, unknown>();
    d.children.forEach((c, i) => walk(c, inner.get(d.kind === 'dict' ? d.keys![i] : String(i)), d.kind === 'dict' && fits ? depth + 1 : depth));
  };
  walk(def, before, 0);
  return own || named > 0 ? tree.unflatten(def, values) : fresh;
}
