/** What a case is, and the usual ones. */
import { numpy as jnp, type Array } from '../../../lib/jax/index.js';

export interface Case {
  readonly name: string;
  readonly f: (...xs: Array[]) => Array | Array[];
  readonly shapes: readonly (readonly number[])[];
  /** The inputs' range. */
  readonly low?: number;
  readonly high?: number;
  /** Has second derivatives worth comparing. */
  readonly smooth?: boolean;
  /** Only moves data: equal bits everywhere. */
  readonly exact?: boolean;
  /** Is computed by an operator of our own, so it has no standard form. */
  readonly own?: boolean;
  /** Reads the nearest element for indices out of range, of which no derivative passes: no finite difference agrees. */
  readonly clamps?: boolean;
}

export const unary = (name: string, f: (x: Array) => Array, low = -2, high = 2, smooth = true): Case => ({ name, f, shapes: [[2, 3]], low, high, smooth });
export const binary = (name: string, f: (x: Array, y: Array) => Array, low = -2, high = 2, smooth = true): Case[] => [
  { name, f, shapes: [[2, 3], [2, 3]], low, high, smooth },
  { name: `${name} broadcast`, f, shapes: [[2, 1, 3], [2, 1]], low, high, smooth },
  { name: `${name} with a scalar`, f, shapes: [[], [4]], low, high, smooth },
];
export const moves = (name: string, f: (...xs: Array[]) => Array, ...shapes: number[][]): Case => ({ name, f, shapes, exact: true });
export const indices = (...xs: number[]) => jnp.array(Int32Array.from(xs));
