/**
 * One training step as one graph: loss, gradients of the trainable part, optimizer. What the step carries lives on the
 * device, is donated to it, and comes back in the same memory.
 */
import { config, devicePut, random, tree, numpy as jnp, valueAndGrad, type Array, type Device, type EngineName } from '../jax/index.js';
import { ConcreteArray, NDArray, expectConcrete, formatAval, type Aval } from '../jax/array.js';
import { toArrayLeaf, traceFlat } from '../jax/autodiff.js';
import { clone } from '../jax/devices.js';
import { compile, targetOf, type Program } from '../jax/program.js';
import { matchTree, treeBuilder } from '../jax/tree-fast.js';
import type { Params, State } from '../haiku/types.js';
import { applyUpdates, type OptState } from '../optax/index.js';
import { checkOptions } from '../runtime/options.js';
import { TypeError, ValueError } from '../runtime/errors.js';
import { callLoss, checkSpecification, join, select, type Specification } from './specification.js';

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
}
const PARTS = ['trainable', 'state', 'optState', 'step', 'nonTrainable', 'rng'] as const;
/** The parts that a step replaces come first, in the order of its outputs. */
const REPLACED = 4;

export interface StepResult<Aux = any> { readonly loss: Array; readonly aux: Aux }
export interface TrainStepOptions { engine?: EngineName; device?: Device }

export interface TrainStep {
  /** Makes one step and blocks. The tree given is gone; the one returned takes its place. */
  (carry: TrainTree, batch: any): [TrainTree, StepResult];
  /** As the call, on the engine's own thread. An abort is seen before the step starts, never inside. */
  async(carry: TrainTree, batch: any, options?: { signal?: AbortSignal }): Promise<[TrainTree, StepResult]>;
  /** The tree of a new run. Parameters are copied, so that the caller's stay valid. */
  init(params: Params, options?: { state?: State; rng?: Array | null }): TrainTree;
  /** The compiled program for a tree and a batch. */
  lower(carry: TrainTree, batch: any): Program;
}

/** A tree that a step returned, frozen: it remembers its arrays, so that the next step need not look for them. */
class Carry implements TrainTree {
  readonly #plan: Plan;
  readonly #leaves: readonly ConcreteArray[];
  readonly trainable: Params;
  readonly nonTrainable: Params;
  readonly state: State;
  readonly optState: OptState;
  readonly rng: Array | null;
  readonly step: Array;
  constructor(plan: Plan, before: TrainTree, leaves: readonly ConcreteArray[]) {
    this.#plan = plan;
    this.#leaves = leaves;
    [this.trainable, this.state, this.optState, this.step] = [plan.builders[0](leaves), plan.builders[1](leaves), plan.builders[2](leaves), plan.builders[3](leaves)];
    this.nonTrainable = before.nonTrainable;
    this.rng = before.rng;
    Object.freeze(this);
  }
  static leavesFor(x: TrainTree, plan: Plan): readonly ConcreteArray[] | null {
    return #plan in x && x.#plan === plan ? x.#leaves : null;
  }
}
tree.registerPytreeNode(Carry as unknown as new () => TrainTree,
  (x) => [PARTS.map((p) => x[p]), undefined],
  (_, children) => Object.fromEntries(PARTS.map((p, i) => [p, children[i]])) as unknown as TrainTree);

/** A compiled step for one set of types. */
interface Plan {
  readonly program: Program;
  readonly consts: readonly ConcreteArray[];
  readonly carryDef: tree.TreeDef;
  readonly batchDef: tree.TreeDef;
  readonly avals: readonly Aval[];
  readonly batchAvals: readonly Aval[];
  /** How many leaves the step replaces; the others pass on. */
  readonly replaced: number;
  /** Replaced leaves that come out as something the step was lent, such as its batch: they are copied, since the next step takes them. */
  readonly lent: readonly number[];
  readonly builders: readonly ((leaves: readonly unknown[]) => any)[];
  readonly aux: (outputs: readonly unknown[]) => any;
}

/**
 * The training step of a specification. As a hand-written jitted step with donated arguments, and it costs no more.
 *
 * @example
 * const step = trainStep({ loss, optimizer: optax.adamw(1e-3), trainable: (module) => module !== 'mlp/~/linear_1' });
 * let carry = step.init(params, { rng: random.PRNGKey(0) });
 * for (const batch of batches) [carry, { loss }] = step(carry, batch);
 *
 * @throws ValueError where the selection leaves nothing to train
 */
export function trainStep(specification: Specification, options?: TrainStepOptions): TrainStep {
  checkOptions('trainStep', specification, ['loss', 'optimizer', 'trainable']);
  checkOptions('trainStep', options, ['engine', 'device']);
  checkSpecification('trainStep', specification);
  const { loss, optimizer, trainable } = specification;
  const plans: Plan[] = [];

  const whole = (parts: readonly any[], batch: unknown): unknown[] => {
    const [chosen, state, optState, step, fixed, rng] = parts;
    const key = rng === null ? null : random.foldIn(rng, step);
    const objective = (p: Params) => {
      const result = callLoss(loss, join(p, fixed), batch, { state, rng: key });
      return [result.loss, { state: result.state, aux: result.aux }];
    };
    const [[value, extra], grads] = valueAndGrad(objective, { hasAux: true })(chosen);
    const [updates, nextOptState] = optimizer.update(grads, optState, chosen);
    return [applyUpdates(chosen, updates), extra.state, nextOptState, jnp.add(step, 1), value, extra.aux];
  };

  const makePlan = (carry: TrainTree, batch: unknown): Plan => {
    const target = targetOf(options);
    const parts = PARTS.map((p) => carry[p] ?? null);
    const flat = parts.map((p) => tree.flatten(p));
    const [batchLeaves, batchDef] = tree.flatten(batch);
    const leaves = [...flat.flatMap(([l]) => l), ...batchLeaves].map((x) => toArrayLeaf(x, 'trainStep'));
    const { closed, out } = traceFlat(whole, { leaves, def: tree.structure([parts, batch]) }, 'trainStep');
    const replaced = flat.slice(0, REPLACED).reduce((n, [l]) => n + l.length, 0);
    out.children.slice(0, REPLACED).forEach((after, i) => {
      if (after.key !== flat[i][1].key) throw new ValueError(`trainStep: ${PARTS[i]} has another structure after the step than before; the loss and the optimizer must return the tree that they were given.`);
    });
    closed.jaxpr.outputs.slice(0, replaced).forEach((a, i) => {
      const before = leaves[i].aval;
      if (formatAval(a.aval) !== formatAval(before)) throw new ValueError(`trainStep: the array '${tree.paths(Object.fromEntries(PARTS.slice(0, REPLACED).map((p, k) => [`${k}${p}`, parts[k]])))[i].slice(1)}' is ${formatAval(before)} before the step and ${formatAval(a.aval)} after; keep its shape and dtype.`);
    });
    const offset = closed.consts.length;
    const index = [...globalThis.Array(replaced).keys()];
    const changes = index.filter((i) => !closed.jaxpr.inputs.includes(closed.jaxpr.outputs[i] as never));
    const donated = index.map((i) => i + offset);
    const pairs = new Map(changes.map((i) => [i, i + offset]));
    const program = compile(closed.jaxpr, target, donated, pairs);
    let at = 0;
    const carryDef = tree.structure(parts);
    return {
      program, carryDef, batchDef, replaced,
      lent: index.filter((i) => closed.jaxpr.inputs.some((v, j) => v === closed.jaxpr.outputs[i] && (j < offset || j >= offset + replaced))),
      consts: closed.consts.map((x) => expectConcrete(x, 'A captured value')),
      avals: leaves.slice(0, carryDef.size).map((x) => x.aval),
      batchAvals: leaves.slice(carryDef.size).map((x) => x.aval),
      builders: flat.map(([l, def]) => { const from = at; at += l.length; return treeBuilder(def, from); }),
      aux: treeBuilder(out.children[REPLACED + 1], replaced + 1),
    };
  };

  const fits = (xs: readonly unknown[], avals: readonly Aval[]): boolean => {
    for (let i = 0; i < avals.length; i++) if ((xs[i] as NDArray | null)?.aval !== avals[i]) return false;
    return true;
  };

  const prepare = (carry: TrainTree, batch: unknown): { plan: Plan; inputs: ConcreteArray[] } => {
    if (typeof carry !== 'object' || carry === null || !('optState' in carry)) throw new TypeError('trainStep: the first argument must be the tree that step.init or the step before returned.');
    const { engine, device } = targetOf(options);
    for (const plan of plans) {
      if (plan.program.target.engine !== engine || plan.program.target.device !== device) continue;
      const given: unknown[] = [];
      if (!matchTree(plan.batchDef, batch, given)) continue;
      const batchLeaves = given.map((x) => toArrayLeaf(x, 'trainStep'));
      if (!fits(batchLeaves, plan.batchAvals)) continue;
      let leaves: readonly unknown[] | null = Carry.leavesFor(carry, plan);
      if (!leaves) {
        const found: unknown[] = [];
        if (!matchTree(plan.carryDef, PARTS.map((p) => carry[p] ?? null), found) || !fits(found, plan.avals)) continue;
        leaves = found;
      }
      return { plan, inputs: [...plan.consts, ...(leaves as ConcreteArray[]), ...batchLeaves.map((x) => expectConcrete(x, 'trainStep'))] };
    }
    plans.unshift(makePlan(carry, batch));
    if (plans.length > 64) plans.pop();
    const [plan] = plans;
    const leaves = [...tree.leaves(PARTS.map((p) => carry[p] ?? null)), ...tree.leaves(batch)].map((x) => expectConcrete(toArrayLeaf(x, 'trainStep'), 'trainStep'));
    return { plan, inputs: [...plan.consts, ...leaves] };
  };

  const finish = (plan: Plan, carry: TrainTree, inputs: readonly ConcreteArray[], outputs: readonly ConcreteArray[]): [TrainTree, StepResult] => {
    const kept = inputs.slice(plan.consts.length + plan.replaced, plan.consts.length + plan.avals.length);
    const mine = outputs.slice(0, plan.replaced);
    for (const i of plan.lent) mine[i] = clone(mine[i]);
    return [new Carry(plan, carry, [...mine, ...kept]), { loss: outputs[plan.replaced], aux: plan.aux(outputs) }];
  };

  const step = ((carry, batch) => {
    const { plan, inputs } = prepare(carry, batch);
    return finish(plan, carry, inputs, plan.program.run(inputs));
  }) as TrainStep;
  step.async = async (carry, batch, asyncOptions) => {
    const { signal } = checkOptions('trainStep.async', asyncOptions, ['signal']);
    const { plan, inputs } = prepare(carry, batch);
    return finish(plan, carry, inputs, await plan.program.runAsync(inputs, signal));
  };
  step.init = (params, initOptions) => {
    const { state = {}, rng = null } = checkOptions('trainStep.init', initOptions, ['state', 'rng']);
    const [chosen, fixed] = select(trainable, params);
    const own = <T>(x: T): T => clone(tree.map((leaf: unknown) => toArrayLeaf(leaf, 'trainStep.init'), x)) as T;
    const mine = own(chosen);
    const begin: TrainTree = { trainable: mine, nonTrainable: fixed, state: own(state), optState: clone(optimizer.init(mine)), rng, step: jnp.array(new Int32Array([0])).reshape([]) };
    // Where the step runs, so that no run copies them there again.
    const device = options?.device ?? config.defaultDevice;
    return device ? devicePut(begin, device) : begin;
  };
  step.lower = (carry, batch) => prepare(carry, batch).plan.program;
  return step;
}
