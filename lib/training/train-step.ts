/**
 * One training step as one graph: loss, gradients of the trainable part, optimizer. What the step carries lives on the
 * device, is donated to it, and comes back in the same memory.
 */
import { config, devicePut, tree, numpy as jnp, type Array, type Device, type EngineName } from '../jax/index.js';
import { ConcreteArray, expectConcrete, type Aval, type NDArray } from '../jax/array.js';
import { toArrayLeaf } from '../jax/autodiff.js';
import { clone } from '../jax/devices.js';
import { targetOf, type Program } from '../jax/program.js';
import { matchTree } from '../jax/tree-fast.js';
import { map, partition, traverse } from '../haiku/data-structures.js';
import type { Params, State } from '../haiku/types.js';
import { channels, tracePromise, traceSync, type StepTrace } from '../runtime/channels.js';
import { checkOptions } from '../runtime/options.js';
import { TypeError, ValueError } from '../runtime/errors.js';
import { Carry, PARTS, type Position, type TrainTree } from './carry.js';
import { GradualUnfreezing, carriedOver, type Phases } from './gradual.js';
import { makePlan, type Plan } from './plan.js';
import { report, type TrainingReportOptions, type TrainingReport } from './report.js';
import { SPECIFICATION, checkSpecification, join, type Specification, type Split } from './specification.js';
import { select } from './trainable.js';

export type { TrainTree } from './carry.js';

export interface StepResult<Aux = any> { readonly loss: Array; readonly aux: Aux }
export interface TrainStepOptions { engine?: EngineName; device?: Device }

export interface TrainStep {
  /** Makes one step and blocks. The tree given is gone; the one returned takes its place. */
  (carry: TrainTree, batch: any): [TrainTree, StepResult];
  /** As the call, on the engine's own thread. An abort is seen before the step starts, never inside. */
  async(carry: TrainTree, batch: any, options?: { signal?: AbortSignal }): Promise<[TrainTree, StepResult]>;
  /**
   * The tree of a new run. Parameters are copied, so that the caller's stay valid.
   * @param options `donate`: the memory of what trains, and of `state`, is taken over instead, and the caller's arrays are gone
   */
  init(params: Params, options?: { state?: State; rng?: Array | null; donate?: boolean }): TrainTree;
  /**
   * The tree of a run that trained other parameters (of another step, from a checkpoint), for this step: parameters are
   * sorted anew in trainable and not, what is known of the optimizer state goes on by parameter name, and what is not begins.
   * The tree given shares its arrays with the new one.
   *
   * ```ts
   * carry = all.adopt(carry);                                                       // after steps of another trainStep
   * await restoreCheckpoint('run', step.adopt(step.init(params), { step: 1200 }));  // in a schedule of what trains
   * ```
   * @param options `step`: the tree is of this step, instead of the one that it says; what a checkpoint of a schedule is restored into
   */
  adopt(carry: TrainTree, options?: { step?: number }): TrainTree;
  /** The compiled program for a tree and a batch. */
  lower(carry: TrainTree, batch: any): Program;
  /**
   * What will train, what is frozen, and what that takes, against training everything. Nothing is computed. As text it is a table.
   *
   * ```ts
   * console.log(String(step.report(params, batch)));
   * ```
   * @param batch an example
   * @param options `state` and `rng` as for `init`; `step` (0): of which step of a schedule of what trains
   */
  report(params: Params, batch: any, options?: TrainingReportOptions): TrainingReport;
}

function checkTree(where: string, x: unknown): void {
  if (typeof x !== 'object' || x === null || !('optState' in x)) throw new TypeError(`${where}: the first argument must be the tree that step.init or the step before returned.`);
}
function checkStep(where: string, step: unknown): number {
  if (!Number.isInteger(step) || (step as number) < 0 || (step as number) >= 2 ** 31) throw new ValueError(`${where}: step must be a whole number from 0 on, but got ${String(step)}.`);
  return step as number;
}

/** From this size on, memory is taken over instead of copied, where nobody else can have it. */
const LARGE = 65536;
/** What `make` returns, for a run to write to: large arrays that it made itself as they are, all others copied. */
function owned<T>(make: () => T): T {
  const before = ConcreteArray.made;
  const seen = new Set<ConcreteArray>();
  return tree.map((leaf: unknown) => {
    // Numbers and truth values in an optimizer's state are what they would be after a step.
    const x = expectConcrete(jnp.array(toArrayLeaf(leaf, 'trainStep.init')), 'trainStep.init');
    const ours = x.serial >= before && !seen.has(x) && x.memory.byteLength >= LARGE;
    seen.add(x);
    return ours ? x : clone(x);
  }, make()) as T;
}
/** The arrays of a tree in memory taken from the caller's; one that is there twice is copied for its second place. */
function takeOver<T>(x: T): T {
  const seen = new Map<NDArray, ConcreteArray>();
  return tree.map((leaf: NDArray) => {
    const given = expectConcrete(leaf, 'trainStep.init');
    const taken = seen.get(given);
    if (taken) return clone(taken);
    const own = new ConcreteArray(given.aval, given.donate('to trainStep.init'), given.device);
    seen.set(given, own);
    return own;
  }, x) as T;
}

const counter = (step: number): Array => jnp.array(new Int32Array([step])).reshape([]);

/**
 * The training step of a specification. As a hand-written jitted step with donated arguments, and it costs no more.
 *
 * @example
 * const step = trainStep({ loss, optimizer: optax.adamw(1e-3), trainable: (module) => module !== 'mlp/~/linear_1' });
 * let carry = step.init(params, { rng: random.PRNGKey(0) });
 * for (const batch of batches) [carry, { loss }] = step(carry, batch);
 *
 * @throws ValueError where the selection leaves nothing to train, or a pattern of it matches nothing
 */
export function trainStep(specification: Specification, options?: TrainStepOptions): TrainStep {
  checkOptions('trainStep', specification, SPECIFICATION);
  checkOptions('trainStep', options, ['engine', 'device']);
  checkSpecification('trainStep', specification);
  const { optimizer, trainable } = specification;
  const plans: Plan[] = [];

  /** A schedule's phases are known when the parameters are: by their names. */
  const schedules = new Map<string, Phases>();
  const phasesOf = (params: Params): Phases => {
    const names = JSON.stringify([...traverse(params)].map(([module, name]) => [module, name]));
    if (!schedules.has(names)) schedules.set(names, (trainable as GradualUnfreezing).phases(params));
    return schedules.get(names)!;
  };
  /** Where a tree is in a schedule; null where there is none. */
  const positionOf = (params: Params, step: number): Position | null => {
    if (!(trainable instanceof GradualUnfreezing)) return null;
    const phases = phasesOf(params);
    return { phases, phase: phases.at(step), step };
  };
  const splitAt = (params: Params, position: Position | null): Split => {
    if (!position) return select(trainable as Exclude<typeof trainable, GradualUnfreezing>, params);
    const [chosen, rest] = partition((module, name) => position.phases.trains(position.phase, module, name), params) as [Params, Params];
    return { trainable: chosen, nonTrainable: rest, mask: null };
  };
  const optimizerAt = (position: Position | null) => position?.phases.optimizer(optimizer) ?? optimizer;
  /** Where the step runs, so that no run copies things there again. */
  const put = <T>(x: T): T => {
    const device = options?.device ?? config.defaultDevice;
    return device ? devicePut(x, device) : x;
  };

  /** The parameters that have optimizer state. */
  const optimized = (position: Position | null, params: Params, { trainable }: Split): Params =>
    (position ? partition((module, name) => position.phases.begun(position.phase, module, name), params)[0] : trainable);

  const adopt = (carry: TrainTree, position: Position | null): TrainTree => {
    const whole = join(carry.trainable, carry.nonTrainable);
    const split = splitAt(whole, position);
    const has = (half: Params, module: string, name: string): boolean => Object.hasOwn(half, module) && Object.hasOwn(half[module], name);
    // What did not train may be the caller's.
    const mine = map((module, name, value: Array) => (has(carry.trainable, module, name) ? value : put(clone(value))), split.trainable);
    const fresh = put(owned(() => optimizerAt(position).init(optimized(position, whole, split))));
    const optState = position ? position.phases.optState(fresh, carry.optState) : carriedOver(fresh, carry.optState);
    return { ...carry, trainable: mine, nonTrainable: split.nonTrainable, optState, mask: carry.mask === undefined ? split.mask : carry.mask };
  };

  /** The tree as the next step needs it: with its mask, and in a schedule split as in the step's phase. */
  const settle = (carry: TrainTree): { carry: TrainTree; position: Position | null } => {
    if (!(trainable instanceof GradualUnfreezing)) return { carry: carry.mask === undefined ? { ...carry, mask: splitAt(join(carry.trainable, carry.nonTrainable), null).mask } : carry, position: null };
    const last = Carry.positionOf(carry);
    if (last && last.phases.at(last.step) === last.phase && [...schedules.values()].includes(last.phases)) return { carry, position: last };
    const position = positionOf(join(carry.trainable, carry.nonTrainable), carry.step.item())!;
    return { carry: position.phases.fits(position.phase, carry) ? carry : adopt(carry, position), position };
  };

  const fits = (xs: readonly unknown[], avals: readonly Aval[]): boolean => {
    for (let i = 0; i < avals.length; i++) if ((xs[i] as NDArray | null)?.aval !== avals[i]) return false;
    return true;
  };

  const prepare = (given: TrainTree, batch: unknown): { plan: Plan; carry: TrainTree; position: Position | null; inputs: ConcreteArray[] } => {
    checkTree('trainStep', given);
    const { carry, position } = settle(given);
    const target = targetOf(options);
    for (const plan of plans) {
      if (plan.program.target.engine !== target.engine || plan.program.target.device !== target.device) continue;
      const leaves: unknown[] = [];
      if (!matchTree(plan.batchDef, batch, leaves)) continue;
      const batchLeaves = leaves.map((x) => toArrayLeaf(x, 'trainStep'));
      if (!fits(batchLeaves, plan.batchAvals)) continue;
      let own = Carry.leavesFor(carry, plan);
      if (!own) {
        const found: unknown[] = [];
        if (!matchTree(plan.carryDef, PARTS.map((p) => carry[p] ?? null), found) || !fits(found, plan.avals)) continue;
        own = (found as NDArray[]).map((x) => expectConcrete(x, 'trainStep'));
      }
      return { plan, carry, position, inputs: [...plan.consts, ...own, ...batchLeaves.map((x) => expectConcrete(x, 'trainStep'))] };
    }
    plans.unshift(makePlan(specification, optimizerAt(position), target, carry, batch));
    if (plans.length > 64) plans.pop();
    const [plan] = plans;
    const leaves = [...tree.leaves(PARTS.map((p) => carry[p] ?? null)), ...tree.leaves(batch)].map((x) => expectConcrete(toArrayLeaf(x, 'trainStep'), 'trainStep'));
    return { plan, carry, position, inputs: [...plan.consts, ...leaves] };
  };

  const finish = ({ plan, carry, position, inputs }: ReturnType<typeof prepare>, outputs: readonly ConcreteArray[]): [TrainTree, StepResult] => {
    const kept = inputs.slice(plan.consts.length + plan.replaced, plan.consts.length + plan.avals.length);
    const mine = outputs.slice(0, plan.replaced);
    for (const i of plan.lent) mine[i] = clone(mine[i]);
    const next = position && { ...position, step: position.step + 1 };
    return [settle(new Carry(plan, carry, [...mine, ...kept], next)).carry, { loss: outputs[plan.replaced], aux: plan.aux(outputs) }];
  };

  const trace = (): StepTrace => {
    const { engine, device } = targetOf(options);
    return { kind: 'trainStep', engine, device: String(device) };
  };
  const step = ((carry, batch) => traceSync(channels.step, trace, () => {
    const ready = prepare(carry, batch);
    return finish(ready, ready.plan.program.run(ready.inputs));
  })) as TrainStep;
  step.async = async (carry, batch, asyncOptions) => {
    const { signal } = checkOptions('trainStep.async', asyncOptions, ['signal']);
    return tracePromise(channels.step, trace, async () => {
      const ready = prepare(carry, batch);
      return finish(ready, await ready.plan.program.runAsync(ready.inputs, signal));
    });
  };
  step.init = (params, initOptions) => {
    const { state = {}, rng = null, donate = false } = checkOptions('trainStep.init', initOptions, ['state', 'rng', 'donate']);
    const position = positionOf(params, 0);
    const split = splitAt(params, position);
    const given = tree.map((leaf: unknown) => toArrayLeaf(leaf, 'trainStep.init'), { trainable: split.trainable, state }) as Pick<TrainTree, 'trainable' | 'state'>;
    const optState = owned(() => optimizerAt(position).init(given.trainable));
    return put({ ...(donate ? takeOver : clone)(given), nonTrainable: split.nonTrainable, optState, rng, step: counter(0), mask: split.mask });
  };
  step.adopt = (carry, adoptOptions) => {
    const { step: at } = checkOptions('trainStep.adopt', adoptOptions, ['step']);
    checkTree('trainStep.adopt', carry);
    const count = at === undefined ? carry.step : put(counter(checkStep('trainStep.adopt', at)));
    return adopt({ ...carry, step: count, mask: undefined }, positionOf(join(carry.trainable, carry.nonTrainable), count.item()));
  };
  step.lower = (carry, batch) => prepare(carry, batch).plan.program;
  step.report = (params, batch, reportOptions) => {
    const { step: at = 0 } = checkOptions('trainStep.report', reportOptions, ['state', 'rng', 'step']);
    const position = positionOf(params, checkStep('trainStep.report', at));
    const split = splitAt(params, position);
    return report(specification, optimizerAt(position).init, optimized(position, params, split), split, batch, reportOptions ?? {});
  };
  return step;
}
