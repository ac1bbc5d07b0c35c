/** A training step compiled for one set of types: loss, gradients and optimizer in one program. */
import { numpy as jnp, random, tree } from '../jax/index.js';
import { expectConcrete, formatAval, type Aval, type ConcreteArray } from '../jax/array.js';
import { toArrayLeaf, traceFlat } from '../jax/autodiff.js';
import { compile, type Program, type Target } from '../jax/program.js';
import { formatShape } from '../jax/dims.js';
import { treeBuilder } from '../jax/tree-fast.js';
import type { GradientTransformation } from '../optax/index.js';
import { ValueError } from '../runtime/errors.js';
import { PARTS, REPLACED, type TrainTree } from './carry.js';
import { gradients, update, type Specification } from './specification.js';

export interface Plan {
  readonly program: Program;
  readonly consts: readonly ConcreteArray[];
  readonly carryDef: tree.TreeDef;
  readonly batchDef: tree.TreeDef;
  readonly avals: readonly Aval[];
  readonly batchAvals: readonly Aval[];
  /** How many leaves the step replaces; the others pass on. */
  readonly replaced: number;
  /** Whether optimizer state comes out in another dtype, as Optax's does where a float32 schedule or gradient meets a narrower average: the next step is another plan's. */
  readonly widens: boolean;
  /** Replaced leaves that come out as something the step was lent, such as its batch: they are copied, since the next step takes them. */
  readonly lent: readonly number[];
  readonly builders: readonly ((leaves: readonly unknown[]) => any)[];
  readonly aux: (outputs: readonly unknown[]) => any;
}

/** The step as a function of the carry's parts. */
const whole = (specification: Specification, optimizer: GradientTransformation) => (parts: readonly any[], batch: unknown): unknown[] => {
  const [trainable, state, optState, step, nonTrainable, rng, mask] = parts;
  const split = { trainable, nonTrainable, mask };
  const key = rng === null ? null : random.foldIn(rng, step);
  const { loss, state: nextState, aux, grads, extraArgs } = gradients(specification, split, batch, { state, rng: key });
  const [params, nextOptState] = update(optimizer, split, grads, optState, extraArgs);
  return [params, nextState, nextOptState, jnp.add(step, 1), loss, aux];
};

export function makePlan(specification: Specification, optimizer: GradientTransformation, target: Target, carry: TrainTree, batch: unknown): Plan {
  const parts = PARTS.map((p) => carry[p] ?? null);
  const flat = parts.map((p) => tree.flatten(p));
  const [batchLeaves, batchDef] = tree.flatten(batch);
  const leaves = [...flat.flatMap(([l]) => l), ...batchLeaves].map((x) => toArrayLeaf(x, 'trainStep'));
  const { closed, out } = traceFlat(whole(specification, optimizer), { leaves, def: tree.structure([parts, batch]) }, 'trainStep');
  const replaced = flat.slice(0, REPLACED).reduce((n, [l]) => n + l.length, 0);
  out.children.slice(0, REPLACED).forEach((after, i) => {
    if (after.key !== flat[i][1].key) throw new ValueError(`trainStep: ${PARTS[i]} has another structure after the step than before; the loss and the optimizer must return the tree that they were given.`);
  });
  const [optStateFrom, optStateTo] = [2, 3].map((n) => flat.slice(0, n).reduce((sum, [l]) => sum + l.length, 0));
  const widened = new Set<number>();
  closed.jaxpr.outputs.slice(0, replaced).forEach((a, i) => {
    const before = leaves[i].aval;
    if (a.aval.dtype !== before.dtype && i >= optStateFrom && i < optStateTo && formatShape(a.aval.shape) === formatShape(before.shape)) widened.add(i);
    else if (formatAval(a.aval) !== formatAval(before)) throw new ValueError(`trainStep: the array '${tree.paths(Object.fromEntries(PARTS.slice(0, REPLACED).map((p, k) => [`${k}${p}`, parts[k]])))[i].slice(1)}' is ${formatAval(before)} before the step and ${formatAval(a.aval)} after; keep its shape and dtype.`);
  });
  const offset = closed.consts.length;
  const index = [...globalThis.Array(replaced).keys()];
  const changes = index.filter((i) => !closed.jaxpr.inputs.includes(closed.jaxpr.outputs[i] as never));
  const donated = index.map((i) => i + offset);
  const pairs = new Map(changes.filter((i) => !widened.has(i)).map((i) => [i, i + offset]));
  const program = compile(closed.jaxpr, target, donated, pairs);
  let at = 0;
  const carryDef = tree.structure(parts);
  return {
    program, carryDef, batchDef, replaced, widens: widened.size > 0,
    lent: index.filter((i) => closed.jaxpr.inputs.some((v, j) => v === closed.jaxpr.outputs[i] && (j < offset || j >= offset + replaced))),
    consts: closed.consts.map((x) => expectConcrete(x, 'A captured value')),
    avals: leaves.slice(0, carryDef.size).map((x) => x.aval),
    batchAvals: leaves.slice(carryDef.size).map((x) => x.aval),
    builders: flat.map(([l, def]) => { const from = at; at += l.length; return treeBuilder(def, from); }),
    aux: treeBuilder(out.children[REPLACED + 1], replaced + 1),
  };
}
