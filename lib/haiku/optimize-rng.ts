import { frames, requireFrame } from './context.js';
import { PRNGSequence, reserveRngKeys } from './rng.js';
import { evalShape } from './stateful.js';

/** A sequence that counts the keys taken from it. */
class CountingSequence extends PRNGSequence {
  count = 0;
  override next(): ReturnType<PRNGSequence['next']> { this.count++; return super.next(); }
}

/**
 * A function that splits all keys that `fun` takes off at once before it runs. Its program has one split where it had many;
 * the keys are other ones.
 */
export function optimizeRngUse<A extends unknown[], R>(fun: (...args: A) => R): (...args: A) => R {
  return (...args) => {
    const state = requireFrame('experimental.optimizeRngUse').rngs.top?.internalState;
    if (state) {
      let count = 0;
      evalShape((...given: any[]) => {
        const counting = new CountingSequence(state);
        const out = frames.top!.rngs.with(counting, () => fun(...given as A));
        count = counting.count;
        return out;
      }, ...args);
      reserveRngKeys(count);
    }
    return fun(...args);
  };
}
