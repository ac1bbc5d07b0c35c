/** What a run carries from step to step. */
import { tree, type Array } from '../jax/index.js';
import type { ConcreteArray } from '../jax/array.js';
import type { Params, State } from '../haiku/types.js';
import type { OptState } from '../optax/index.js';
import type { Phases } from './gradual.js';
import type { Plan } from './plan.js';

/** Everything that a run carries from step to step. Arrays of `trainable`, `state`, `optState` and `step` are donated. */
export interface TrainTree {
  readonly trainable: Params;
  readonly nonTrainable: Params;
  readonly state: State;
  readonly optState: OptState;
  /** The run's key, or null. A step's own key is `foldIn(rng, step)`. */
  readonly rng: Array | null;
  /** Steps made so far, int32. */
  readonly step: Array;
  /** Boolean arrays for the parameters of which only some elements train; null where there is none. Left out, it is made again. */
  readonly mask?: Params | null;
}
export const PARTS = ['trainable', 'state', 'optState', 'step', 'nonTrainable', 'rng', 'mask'] as const;
/** The parts that a step replaces come first, in the order of its outputs. */
export const REPLACED = 4;

/** Where a run is in a schedule of what trains: before this step, in this phase. */
export interface Position { readonly phases: Phases; readonly phase: number; readonly step: number }

/** A tree that a step returned, frozen: it remembers its arrays, so that the next step need not look for them. */
export class Carry implements TrainTree {
  readonly #plan: Plan;
  readonly #leaves: readonly ConcreteArray[];
  readonly #position: Position | null;
  readonly trainable: Params;
  readonly nonTrainable: Params;
  readonly state: State;
  readonly optState: OptState;
  readonly rng: Array | null;
  readonly step: Array;
  readonly mask: Params | null;
  constructor(plan: Plan, before: TrainTree, leaves: readonly ConcreteArray[], position: Position | null) {
    this.#plan = plan;
    this.#leaves = leaves;
    this.#position = position;
    [this.trainable, this.state, this.optState, this.step] = [plan.builders[0](leaves), plan.builders[1](leaves), plan.builders[2](leaves), plan.builders[3](leaves)];
    this.nonTrainable = before.nonTrainable;
    this.rng = before.rng;
    this.mask = before.mask ?? null;
    Object.freeze(this);
  }
  static leavesFor(x: TrainTree, plan: Plan): readonly ConcreteArray[] | null {
    return #plan in x && x.#plan === plan && !plan.widens ? x.#leaves : null;
  }
  static positionOf(x: TrainTree): Position | null { return #plan in x ? x.#position : null; }
}
tree.registerPytreeNode(Carry as unknown as new () => TrainTree,
  (x) => [PARTS.map((p) => x[p]), undefined],
  (_, children) => Object.fromEntries(PARTS.map((p, i) => [p, children[i]])) as unknown as TrainTree);
