/** The derivative of a node test against central differences, in float64. */
import { numpy as jnp, random, vjp, type Array } from '../../../lib/jax/index.js';
import { isArray } from '../../../lib/jax/array.js';
import { isFloat } from '../../../lib/jax/dtypes.js';
import { importModel } from '../../../lib/onnx/index.js';
import { readModel } from '../../../lib/onnx/model.js';
import { operatorOf } from '../../../lib/onnx/operators/index.js';
import { notDerivable } from '../../../lib/onnx/check.js';
import type { NodeCase } from './cases.js';

export type GradientOutcome = 'checked' | 'different' | 'failed' | 'none';
export interface GradientReport { readonly outcome: GradientOutcome; readonly detail: string }

const total = (x: Array): number => jnp.sum(x).item();

/**
 * Along a random direction, at the test's inputs moved a little, so that no two are equal and none lies on a kink. `none`:
 * nothing that could be derived, or an operator that says it has no derivative.
 */
export function checkGradient(test: NodeCase): GradientReport {
  let report = attempt(test, (x) => x);
  // At the edge of where a function is defined only one side will do.
  if (report.outcome === 'different') report = attempt(test, jnp.abs);
  if (report.outcome === 'different') report = attempt(test, (x) => jnp.abs(x).mul(-1));
  return report;
}

function attempt(test: NodeCase, side: (x: Array) => Array): GradientReport {
  try {
    const { graph } = readModel(test.model);
    const [node] = graph.nodes;
    const operator = operatorOf(node);
    if (!operator || operator.random || notDerivable([node], new Set(graph.inputs.map((p) => p.name)), false).length) return { outcome: 'none', detail: 'the operator has no derivative' };
    const model = importModel(test.model);
    const values = Object.create(null) as Record<string, any>;
    const names: string[] = [];
    let key = random.PRNGKey(7);
    test.inputValues().forEach((v, i) => {
      const port = model.inputs[i];
      if (!port || v === null) return;
      if (!isArray(v) || !isFloat(v.dtype)) { values[port.name] = v; return; }
      const wide = jnp.astype(v, 'float64');
      const derived = !operator.statics?.includes(node.inputs.indexOf(port.name));
      key = random.split(key).index(0) as never;
      values[port.name] = derived ? wide.add(side(random.normal(key, v.shape).astype('float64')).mul(jnp.abs(wide).mul(1e-3).add(1e-4))) : wide;
      if (derived && v.size > 0) names.push(port.name);
    });
    if (names.some((n) => jnp.sum(jnp.isfinite(values[n]).astype('int32')).item() < values[n].size)) return { outcome: 'none', detail: 'an input is not finite' };
    if (names.length === 0) return { outcome: 'none', detail: 'no input is real' };
    const run = (...xs: Array[]): Array[] => {
      const out = model.apply(model.params, { ...values, ...Object.fromEntries(names.map((n, i) => [n, xs[i]])) });
      const list = model.outputs.length === 1 ? [out] : model.outputs.map((o) => (out as Record<string, unknown>)[o.name]);
      return (list.flat() as Array[]).filter((y) => isArray(y) && isFloat(y.dtype) && y.size > 0);
    };
    const xs = names.map((n) => values[n] as Array);
    const [ys, pull] = vjp(run, ...xs) as [Array[], (cts: Array[]) => Array[]];
    if (ys.length === 0) return { outcome: 'none', detail: 'no output is real' };
    const cts = ys.map((y, i) => random.normal(random.PRNGKey(100 + i), y.shape).astype(y.dtype));
    const direction = xs.map((x, i) => random.normal(random.PRNGKey(200 + i), x.shape).astype('float64').mul(jnp.abs(x).mul(0.1).add(0.01)));
    const slope = pull(cts).reduce((n, g, i) => n + total(g.mul(direction[i])), 0);
    const at = (step: number): number => run(...xs.map((x, i) => x.add(direction[i].mul(step)))).reduce((n, y, i) => n + total(jnp.where(jnp.isfinite(y), y, 0).mul(cts[i]).astype('float64')), 0);
    let detail = '';
    for (const eps of [1e-4, 1e-5, 1e-6]) {
      const difference = (at(eps) - at(-eps)) / (2 * eps);
      if (Math.abs(difference - slope) <= 1e-5 * (1e-3 + Math.abs(difference) + Math.abs(slope)) + 1e-9) return { outcome: 'checked', detail: '' };
      detail = `the slope is ${slope}, central differences give ${difference}`;
    }
    return { outcome: 'different', detail };
  } catch (error) {
    return { outcome: 'failed', detail: `${(error as Error).name}: ${(error as Error).message}` };
  }
}
