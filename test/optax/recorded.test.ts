/** Every optimizer against the numbers of Optax: under jit, eagerly, and in the fused step on both engines. */
import { expect } from 'chai';
import { engines, jit, tree, valueAndGrad, type Array as JaxArray, type EngineName } from '../../lib/jax/index.js';
import * as optax from '../../lib/optax/index.js';
import { trainStep } from '../../lib/training/index.js';
import type { DType } from '../../lib/runtime/dtypes.js';
import { entries as all, flat, lossOf, paramsOf, scaleOf, targetOf, worst, type Entry, type TreeOptions } from './one-list.js';

/** Those whose numbers `recorded/record.py` has written. */
const entries = all.filter((entry) => entry.recorded !== undefined);
const STEPS = 6;
const LONG = Boolean(process.env['HOKKU_LONG']);
interface Tolerance { rtol: number; atol: number }
const TOLERANCES: Partial<Record<DType, Tolerance>> = { float32: { rtol: 2e-6, atol: 2e-6 }, float64: { rtol: 2e-6, atol: 2e-6 }, bfloat16: { rtol: 0.06, atol: 0.06 } };
/** What amplifies the last bits of float32, in which counts and rates are computed whatever the parameters are, and by how much: roots of differences, or an iteration that stops by its error. */
const LOOSE: readonly (readonly [RegExp, number])[] = [[/muon|galore/, 100], [/centered/, 20], [/radam|adabelief|prodigy|dadapt|lbfgs|Linesearch|optimistic/, 20], [/reduceOnPlateau|mechanize|momo|dog|dowg/, 10]];
function toleranceFor({ name }: Entry, dtype: DType): Tolerance {
  const { rtol, atol } = TOLERANCES[dtype]!;
  const factor = dtype !== 'bfloat16' ? LOOSE.find(([pattern]) => pattern.test(name))?.[1] ?? 1 : 1;
  return { rtol: rtol * factor, atol: atol * factor };
}

/** The parameters after each step, made in one of the ways. */
type Walk = (entry: Entry, options: TreeOptions, steps: number) => number[][];
const walk = (options: TreeOptions, steps: number, params: any, state: any, step: (params: any, state: any, target: any) => [any, any]): number[][] =>
  Array.from({ length: steps }, (_, k) => {
    [params, state] = step(params, state, targetOf(k + 1, options));
    return flat(params);
  });
const plain = (compiled: boolean): Walk => (entry, given, steps) => {
  const options = { ...given, empty: true };
  const opt = entry.make(true);
  const scale = scaleOf(options);
  const step = (params: any, state: any, target: any): [any, any] => {
    const valueFn = (p: any) => lossOf(p, target, scale);
    const [value, grad] = valueAndGrad(valueFn)(params);
    const [updates, next] = opt.update(grad, state, params, { value, grad, valueFn });
    return [optax.applyUpdates(params, updates), next];
  };
  const params = paramsOf(options);
  return walk(options, steps, params, opt.init(params), compiled ? jit(step) as typeof step : step);
};
const types = (x: unknown): string[] => (tree.leaves(x) as JaxArray[]).map((leaf) => `${leaf.dtype}[${leaf.shape}]`);
const fused = (engine: EngineName): Walk => (entry, options, steps) => {
  const step = trainStep({ loss: (p, { target, scale }) => lossOf(p, target, scale), optimizer: entry.make() }, { engine });
  const scale = scaleOf(options);
  const carry = step.init(paramsOf(options));
  const before = types(carry.optState);
  return walk(options, steps, null, carry, (_, state, target) => {
    const [next] = step(state, { target, scale });
    if (!(options.dtype === 'bfloat16' && CHANGES.test(entry.name))) expect(types(next.optState)).to.deep.equal(before);
    return [next.trainable, next];
  });
};
/** State that Optax itself leaves in another dtype than it began in, by a float32 schedule. */
const CHANGES = /^\["injectHyperparams\(\)"/;
const missing = (engine: EngineName): string | undefined => engines().find((e) => e.name === engine)?.missing;
const WAYS: readonly { name: string; walk: Walk; missing?: string }[] = [
  { name: 'under jit', walk: plain(true) },
  { name: 'computed at once, outside programs', walk: plain(false) },
  ...(['onnxruntime', 'onnxruntime-training'] as const).map((engine) => ({ name: `in the fused step on ${engine}`, walk: fused(engine), missing: missing(engine) })),
];

function check(entry: Entry, dtype: DType, seen: number[][]): void {
  const expected = entry.recorded[dtype]!;
  for (const k of [1, STEPS] as const) if (seen[k - 1] && expected[k]) expect(worst(seen[k - 1]!, expected[k]!, toleranceFor(entry, dtype)), `after step ${k}`).to.equal(undefined);
}

for (const way of WAYS) {
  describe(`optimizers against Optax, ${way.name}${way.missing === undefined ? '' : ` (pending: ${way.missing})`}`, () => {
    if (entries.length < all.length) it.skip(`${all.length - entries.length} optimizers of the list have no recorded numbers: run test/optax/recorded/record.py`);
    // One step tells what programs of single operations do otherwise.
    const steps = way.name.startsWith('computed') ? 1 : STEPS;
    for (const entry of entries) (way.missing === undefined ? it : it.skip)(entry.name, () => check(entry, 'float32', way.walk(entry, { without: entry.without }, steps)));
  });
}

/** Under jit all of them; in each other way every so many, beginning anywhere, or all with HOKKU_LONG=1. */
const EVERY = 6;
const first = Number(process.env['HOKKU_SEED'] ?? Math.floor(Math.random() * EVERY)) % EVERY;
for (const dtype of ['float64', 'bfloat16'] as const) {
  const recorded = entries.filter((entry) => entry.recorded[dtype] && entry.recorded[dtype].error === undefined);
  for (const [w, way] of WAYS.entries()) {
    describe(`optimizers in ${dtype}, ${way.name}${LONG || w === 0 ? '' : ` (a sample; HOKKU_SEED=${first} takes the same again)`}`, () => {
      if (way.missing !== undefined) { it.skip(way.missing); return; }
      const some = LONG || w === 0 ? recorded : recorded.filter((_, i) => i % EVERY === (first + w) % EVERY);
      for (const entry of some) {
        it(entry.name, () => check(entry, dtype, way.walk(entry, { without: entry.without, dtype }, STEPS)));
      }
    });
  }
}
