/** Runs a graph node by node: eagerly or in whatever trace is open. */
import { outsideTrace, currentFrame } from '../jax/core.js';
import { FileFormatError, HokkuError, ValueError } from '../runtime/errors.js';
import { chargeStep } from './budget.js';
import { Call, type Run } from './call.js';
import { foldKnown } from './fold.js';
import { InternalError } from './errors.js';
import { labelOf, type Graph, type Node } from './graph.js';
import { operatorOf } from './operators/index.js';
import { constantOf, isConstant, type Value } from './values.js';
import type { Tensor } from './tensors.js';

/** Names and what they stand for: those of a graph, and behind them those of the graphs around it. */
export class Scope {
  readonly #values = new Map<string, Value>();
  constructor(readonly parent: Scope | null, readonly constants: ReadonlyMap<string, Tensor>, readonly cache: Map<Tensor, Value>, readonly run: Omit<Run, 'graph'>) {}

  set(name: string, value: Value): void { this.#values.set(name, value); }
  delete(name: string): void { this.#values.delete(name); }
  get(name: string): Value | undefined {
    const own = this.#values.get(name);
    if (own) return own;
    const constant = this.constants.get(name);
    if (!constant) return this.parent?.get(name);
    const given = this.run.parameters.get(constant);
    if (given) return given;
    let value = this.cache.get(constant);
    if (!value) this.cache.set(constant, (value = constantOf(constant, this.run.float)));
    return value;
  }
}

/** The nodes that make `wanted`, in order, each with the names that nobody needs after it. */
export function planOf(graph: Graph, wanted: readonly string[]): readonly { node: Node; last: readonly string[] }[] {
  const needed = new Set(wanted);
  const made = new Set<string>();
  const plan: { node: Node; last: string[] }[] = [];
  for (let i = graph.nodes.length - 1; i >= 0; i--) {
    const node = graph.nodes[i];
    if (!node.outputs.some((o) => o && needed.has(o))) continue;
    const reads = [...new Set([...node.inputs, ...node.captures])].filter(Boolean);
    plan.push({ node, last: reads.filter((name) => !needed.has(name)) });
    reads.forEach((name) => needed.add(name));
    node.outputs.forEach((o) => made.add(o));
  }
  plan.forEach((step) => { step.last = step.last.filter((name) => made.has(name)); });
  return plan.reverse();
}

type Plan = ReturnType<typeof planOf>;

/** Evaluates the nodes of a plan in a scope. */
export function runPlan(plan: Plan, scope: Scope, run: Omit<Run, 'graph'>): void {
  for (const { node, last } of plan) {
    const inputs = node.inputs.map((name) => {
      if (!name) return null;
      const value = scope.get(name);
      if (!value) throw new FileFormatError(`The node ${labelOf(node)} reads '${name}', which has no value.`);
      return value;
    });
    const results = evaluateNode(node, inputs, scope, run);
    node.outputs.forEach((name, i) => {
      if (!name) return;
      const value = results[i] ?? null;
      if (value === null) throw new ValueError(`The node ${labelOf(node)} has no output ${i} ('${name}') here.`);
      scope.set(name, value);
    });
    for (const name of last) scope.delete(name);
  }
}

const plans = new WeakMap<Graph, Plan>();
/** The outputs of a graph inside a node, given its inputs. */
export function evaluateGraph(graph: Graph, inputs: readonly Value[], outer: Scope, run: Omit<Run, 'graph'>): Value[] {
  let plan = plans.get(graph);
  if (!plan) plans.set(graph, (plan = planOf(graph, graph.outputs.map((o) => o.name))));
  const scope = new Scope(outer, graph.constants, outer.cache, run);
  graph.inputs.forEach(({ name }, i) => { if (inputs[i]) scope.set(name, inputs[i]); });
  runPlan(plan, scope, run);
  return graph.outputs.map(({ name }) => {
    const value = scope.get(name);
    if (!value) throw new FileFormatError(`The graph '${graph.name}' does not make its output '${name}'.`);
    return value;
  });
}

function evaluateNode(node: Node, inputs: readonly (Value | null)[], scope: Scope, run: Omit<Run, 'graph'>): readonly (Value | null)[] {
  if (node.body) {
    // A function sees nothing but its inputs.
    return evaluateGraph(node.body, inputs as Value[], new Scope(null, new Map(), scope.cache, run), run);
  }
  const operator = operatorOf(node);
  if (!operator) throw new ValueError(`The node ${labelOf(node)} is of an operator that is not supported.`);
  const call = new Call(node, inputs, { ...run, graph: (g, xs) => evaluateGraph(g, xs, scope, run) });
  try {
    chargeStep();
    const folded = foldKnown(call);
    if (folded) return folded;
    const compute = (): readonly (Value | null)[] => { const r = operator.run(call); return Array.isArray(r) ? r : [r]; };
    // What depends on constants alone is a constant of the program.
    const apart = currentFrame() !== null && !operator.random && node.graphs.size === 0 && inputs.every(isConstant);
    return apart ? outsideTrace(compute) : compute();
  } catch (error) {
    throw inNode(error, call);
  }
}

/** The error with the node's name, unless it says that already. */
function inNode(error: unknown, call: Call): unknown {
  if (error instanceof RangeError && error.message.startsWith('Maximum call stack')) return new FileFormatError(`The node ${call.where} holds graphs within graphs, deeper than can be evaluated.`, { cause: error });
  // Whatever else JavaScript itself throws, an operator should have foreseen.
  if (!(error instanceof HokkuError)) return new InternalError(`The node ${call.where} has inputs or attributes that its operator does not take, which hokku should have said clearly but did not (${String(error)}); please report it with the model.`, { cause: error });
  if (error.message.includes(call.where)) return error;
  Object.defineProperty(error, 'message', { value: `${error.message.replace(/\.$/, '')} (in the node ${call.where}).`, configurable: true, writable: true });
  return error;
}
