/** The passes on programs, before anything is lowered. Elementwise fusion comes after them, in `lib/lowering`. */
import { eliminateDeadCode, type Jaxpr } from '../core.js';
import { mapSubprograms } from '../programs.js';
import { eliminateCommonSubexpressions } from './cse.js';
import { foldConstants } from './fold.js';
import { simplify } from './simplify.js';

const PASSES = [foldConstants, simplify, eliminateCommonSubexpressions];

/** A program that computes the same bits with fewer equations, inside loops and branches too. Inputs and the order of outputs stay. */
export function optimize(jaxpr: Jaxpr): Jaxpr {
  let now = eliminateDeadCode({ ...jaxpr, equations: jaxpr.equations.map((e) => mapSubprograms(e, optimize)) });
  for (let before: Jaxpr | null = null; before !== now;) {
    before = now;
    for (const pass of PASSES) now = pass(now);
  }
  return now;
}
