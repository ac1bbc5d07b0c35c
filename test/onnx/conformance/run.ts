/** One of ONNX's node tests: imported, run, compared. */
import { random, type Array } from '../../../lib/jax/index.js';
import { isArray } from '../../../lib/jax/array.js';
import { decodeAt } from '../../../lib/runtime/elements.js';
import { importModel } from '../../../lib/onnx/index.js';
import { checkGradient, type GradientReport } from './gradients.js';
import { readCases, type CaseValue, type NodeCase } from './cases.js';

export type Outcome = 'equal' | 'different' | 'failed' | 'refused';
export interface Report { readonly test: NodeCase; readonly outcome: Outcome; readonly detail: string; readonly gradient?: GradientReport }

/** Operators whose results are random: only their shapes are compared. */
const RANDOM = /^(?:RandomNormal|RandomUniform|Bernoulli|Multinomial|Dropout)/;

export function difference(got: unknown, wanted: CaseValue, rtol: number, atol: number, values = true): string | null {
  if (wanted === null) return got === null ? null : 'expected nothing';
  if (!isArray(wanted)) {
    if (!globalThis.Array.isArray(got)) return `expected a sequence, got ${String(got)}`;
    const list = got as Array[];
    if (list.length !== wanted.length) return `expected ${wanted.length} elements, got ${list.length}`;
    return wanted.reduce<string | null>((found, w, i) => found ?? difference(list[i], w, rtol, atol, values), null);
  }
  if (globalThis.Array.isArray(got) && got.length === 1) return difference(got[0], wanted, rtol, atol, values);
  if (!isArray(got)) return `expected an array, got ${String(got)}`;
  if (got.dtype !== wanted.dtype || got.shape.join() !== wanted.shape.join()) return `expected ${wanted}, got ${got}`;
  if (!values) return null;
  const [a, b] = [got.data, wanted.data];
  for (let i = 0; i < b.length; i++) {
    const [x, y] = [Number(decodeAt(got.dtype, a, i)), Number(decodeAt(wanted.dtype, b, i))];
    if (Object.is(x, y) || x === y || (x !== x && y !== y)) continue;
    if (!(Math.abs(x - y) <= atol + rtol * Math.abs(y))) return `element ${i} is ${x}, expected ${y}`;
  }
  return null;
}

export function runCase(test: NodeCase): Report {
  try {
    const model = importModel(test.model);
    const inputs = Object.create(null) as Record<string, any>;
    test.inputValues().forEach((v, i) => { if (i < model.inputs.length) inputs[model.inputs[i].name] = v; });
    const got = model.apply(model.params, inputs, { rng: random.PRNGKey(0) });
    const wanted = test.outputValues();
    const list = model.outputs.length === 1 ? [got] : model.outputs.map((o) => (got as Record<string, unknown>)[o.name]);
    for (let i = 0; i < wanted.length; i++) {
      const d = difference(list[i], wanted[i], test.rtol, test.atol, !RANDOM.test(test.operator ?? ''));
      if (d) return { test, outcome: 'different', detail: `output ${i}: ${d}` };
    }
    return { test, outcome: 'equal', detail: '' };
  } catch (error) {
    const { name, message } = error as Error;
    return { test, outcome: name === 'UnsupportedOperators' ? 'refused' : 'failed', detail: `${name}: ${message}` };
  }
}

/** `gradients`: of the single-operator float cases that run, the derivatives too. */
export const runAll = (folder: string, match = /./, gradients = true): Report[] => readCases(folder).filter((t) => match.test(t.name)).map((t) => {
  const report = runCase(t);
  return gradients && report.outcome === 'equal' && t.operator !== null && t.float ? { ...report, gradient: checkGradient(t) } : report;
});
