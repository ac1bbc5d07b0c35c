/** Many cases as one program: compiling them one by one is what costs. */
import { jit, type Array } from '../../../lib/jax/index.js';
import { leavesOf } from '../helpers.js';
import type { Case } from './base.js';

export const LONG = Boolean(process.env['HOKKU_LONG']);
/** All cases, or every n-th where the tests are to be short. */
export const every = (cases: readonly Case[], n: number): readonly Case[] => cases.filter((_, i) => LONG || i % n === 0);

const CHUNK = 8;
type Compile = (f: (...xs: Array[]) => Array[], inputs: readonly Array[]) => Array[];

/**
 * The results of each case, from programs of many. `call` is what of a case is computed, by default its function;
 * `compile` runs a whole program, by default through `jit`.
 */
export function together(cases: readonly Case[], inputsOf: (c: Case) => Array[], call: (c: Case, xs: Array[]) => any = (c, xs) => c.f(...xs), compile: Compile = (f, inputs) => jit(f)(...inputs)): Map<Case, Array[]> {
  const results = new Map<Case, Array[]>();
  for (let from = 0; from < cases.length; from += CHUNK) {
    const chunk = cases.slice(from, from + CHUNK);
    const counts: number[] = [];
    const outputs = compile((...all) => {
      let at = 0;
      counts.length = 0;
      return chunk.flatMap((c) => {
        const own = all.slice(at, at += c.shapes.length);
        let made: Array[];
        try { made = leavesOf(call(c, own)); } catch (error) { throw new Error(`${c.name}: ${(error as Error).message}`, { cause: error }); }
        counts.push(made.length);
        return made;
      });
    }, chunk.flatMap(inputsOf));
    let at = 0;
    chunk.forEach((c, i) => results.set(c, outputs.slice(at, at += counts[i])));
  }
  return results;
}
