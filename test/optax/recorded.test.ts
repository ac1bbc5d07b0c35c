/** Every optimizer against the numbers of Optax: eagerly, under jit, and in the fused step on both engines. */
import { expect } from 'chai';
import { engines, jit, tree, valueAndGrad, type Array as JaxArray } from '../../lib/jax/index.js';
import * as optax from '../../lib/optax/index.js';
import { trainStep } from '../../lib/training/index.js';
import type { DType } from '../../lib/runtime/dtypes.js';
import { entries as all, flat, lossOf, paramsOf, scaleOf, targetOf, worst, type Entry, type TreeOptions } from './one-list.js';

/** Those whose numbers `recorded/record.py` has written. */
const entries = all.filter((entry) => entry.recorded !== undefined);
const STEPS = 6;
const FLOAT32 = { rtol: 2e-6, atol: 2e-6 };
/** What amplifies the last bits of float32, and by how much: roots of differences, or an iteration that stops by its error. */
const LOOSE: readonly (readonly [RegExp, number])[] = [[/muon|galore/, 100], [/centered/, 20], [/radam|adabelief|prodigy|dadapt|lbfgs|Linesearch|optimistic/, 20], [/reduceOnPlateau|mechanize|momo|dog|dowg/, 10]];
const toleranceFor = ({ name }: Entry) => { const factor = LOOSE.find(([pattern]) => pattern.test(name))?.[1] ?? 1; return { rtol: FLOAT32.rtol * factor, atol: FLOAT32.atol * factor }; };

/** The parameters after each step of a function (params, state, target) → [params, state]. */
function walk(entry: Entry, options: TreeOptions, step: (params: any, state: any, target: any) => [any, any], init: (params: any) => [any, any], steps = STEPS): number[][] {
  let [params, state] = init(paramsOf(options));
  const seen: number[][] = [];
  for (let k = 1; k <= steps; k++) {
    [params, state] = step(params, state, targetOf(k, options));
    seen.push(flat(params));
  }
  return seen;
}
function plainStep(opt: optax.GradientTransformation, scale: any) {
  return (params: any, state: any, target: any): [any, any] => {
    const valueFn = (p: any) => lossOf(p, target, scale);
    const [value, grad] = valueAndGrad(valueFn)(params);
    const [updates, next] = opt.update(grad, state, params, { value, grad, valueFn });
    return [optax.applyUpdates(params, updates), next];
  };
}
function check(entry: Entry, seen: number[][], tolerance = toleranceFor(entry)): void {
  for (const k of [1, 6] as const) if (seen[k - 1]) expect(worst(seen[k - 1]!, entry.recorded.float32[k]!, tolerance), `after step ${k}`).to.equal(undefined);
}

describe('optimizers against Optax', () => {
  if (entries.length < all.length) it.skip(`${all.length - entries.length} optimizers of the list have no recorded numbers: run test/optax/recorded/record.py`);
  for (const entry of entries) {
    it(entry.name, () => {
      const options = { without: entry.without, empty: true };
      const opt = entry.make(true);
      const step = jit(plainStep(opt, scaleOf(options)));
      check(entry, walk(entry, options, (...args) => step(...args) as [any, any], (p) => [p, opt.init(p)]));
    });
  }
});

describe('optimizers computed at once, outside programs', () => {
  for (const entry of entries) {
    it(entry.name, () => {
      const options = { without: entry.without, empty: true };
      const opt = entry.make(true);
      check(entry, walk(entry, options, plainStep(opt, scaleOf(options)), (p) => [p, opt.init(p)], 1));
    });
  }
});

for (const { name: engine, available, reason } of [{ name: 'onnxruntime' as const, available: true, reason: '' }, training()]) {
  describe(`optimizers in the fused step on ${engine}${available ? '' : ` (pending: ${reason})`}`, () => {
    for (const entry of entries) {
      (available ? it : it.skip)(entry.name, () => {
        const options = { without: entry.without };
        const step = trainStep({ loss: (p, { target, scale }) => lossOf(p, target, scale), optimizer: entry.make() }, { engine });
        const scale = scaleOf(options);
        let carry = step.init(paramsOf(options));
        const before = types(carry.optState);
        const seen: number[][] = [];
        for (let k = 1; k <= STEPS; k++) {
          [carry] = step(carry, { target: targetOf(k, options), scale });
          seen.push(flat(carry.trainable));
        }
        check(entry, seen);
        expect(types(carry.optState)).to.deep.equal(before);
      });
    }
  });
}
const types = (x: unknown): string[] => (tree.leaves(x) as JaxArray[]).map((leaf) => `${leaf.dtype}[${leaf.shape}]`);
function training(): { name: 'onnxruntime-training'; available: boolean; reason: string } {
  const found = engines().find((e) => e.name === 'onnxruntime-training');
  return { name: 'onnxruntime-training', available: found?.path !== undefined, reason: found?.missing ?? '' };
}

describe('optimizers of other dtypes', () => {
  const TOLERANCES: Partial<Record<DType, { rtol: number; atol: number }>> = { float64: { rtol: 2e-6, atol: 2e-6 }, bfloat16: { rtol: 0.06, atol: 0.06 } };
  for (const dtype of ['float64', 'bfloat16'] as const) {
    for (const entry of entries) {
      const expected = entry.recorded[dtype];
      if (!expected || expected.error !== undefined) continue;
      it(`${dtype} ${entry.name}`, () => {
        const options = { without: entry.without, dtype, empty: true };
        const opt = entry.make(true);
        const step = jit(plainStep(opt, scaleOf(options)));
        const seen = walk(entry, options, (...args) => step(...args) as [any, any], (p) => [p, opt.init(p)]);
        expect(worst(seen[STEPS - 1]!, expected[6]!, TOLERANCES[dtype]!)).to.equal(undefined);
      });
    }
  }
});
