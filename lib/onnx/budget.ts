/**
 * What the evaluation of a model may cost. A file of a kilobyte can ask for terabytes: by a shape in a constant, a padding, a tile, a list
 * of turns. So whatever is made while a model is evaluated is counted before it is made, traced or not, and what comes to more than
 * models of this size ask for is refused.
 */
import type { Aval } from '../jax/array.js';
import { watched, type Jaxpr } from '../jax/core.js';
import { dims, isSymbolic, type Dim } from '../jax/dims.js';
import { subprograms } from '../jax/programs.js';
import type { Primitive } from '../jax/primitives/primitive.js';
import { DTYPES } from '../runtime/dtypes.js';
import { ValueError } from '../runtime/errors.js';
import { Sequence, type Value } from './values.js';

/** Bytes that the results of any model may take, all together, and how many times those of its file and of its inputs. */
const [ANY, FILE, INPUTS] = [2 ** 24, 2 ** 9, 2 ** 12];
/** What a node or a primitive counts beside its results, and a number in a list of JavaScript's. */
const [STEP, NUMBER] = [2048, 16];

/** A model asks for more than it has a budget for. */
export class BudgetError extends ValueError {
  constructor(message: string) { super(message, 'BUDGET'); }
}

let spend: ((bytes: number) => void) | null = null;

/** Counts bytes that are about to be made. */
export function charge(bytes: number): void { spend?.(bytes); }
/** Counts a node's turn. */
export const chargeStep = (): void => charge(STEP);
/** A length that a file says, before a list of JavaScript's numbers is made of it. */
export function checkLength(n: number): number {
  if (!(n >= 0)) throw new ValueError(`A list of ${n} numbers would be needed.`);
  charge(n * NUMBER);
  return n;
}
/** The numbers below `n`. */
export const indices = (n: number): number[] => [...globalThis.Array(Math.ceil(checkLength(n))).keys()];

/** An open dimension counts as one. */
const bytesOf = (a: Pick<Aval, 'shape' | 'dtype'>): number => { const n: Dim = dims.size(a.shape); return (isSymbolic(n) ? n.factor : n) * DTYPES[a.dtype].size; };
/** Bytes of a value. */
export const sizeOf = (x: Value): number => (x instanceof Sequence ? x.items.reduce((n, y) => n + sizeOf(y), 0) : bytesOf(x));
const costOf = (results: readonly Aval[], params: object): number => results.reduce((sum, a) => sum + bytesOf(a), STEP)
  + subprograms(params).reduce((sum, p) => sum + programCost(p), 0) * Math.max(1, Number((params as { length?: number }).length ?? 1));
const programCost = ({ equations }: Jaxpr): number => equations.reduce((sum, e) => sum + costOf(e.outputs.map((v) => v.aval), e.params ?? {}), 0);

const megabytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20).toLocaleString('en').replaceAll(',', ' ')} MB`;

/**
 * Evaluates something of a model.
 * @param file bytes of the model, wherever they lie
 * @param inputs bytes of what it is called with
 * @param times the budget that the user gave
 */
export function withBudget<T>(file: number, inputs: number, times: number, f: () => T): T {
  const [outer, most] = [spend, times * (ANY + FILE * file + INPUTS * inputs)];
  let spent = 0;
  spend = (bytes) => {
    if (bytes > 0) spent += bytes;
    if (!(spent > most)) return;
    const enough = 10 ** Math.ceil(Math.log10((2 * times * spent) / most));
    throw new BudgetError(`The model asks for results of ${megabytes(spent)} and more, but has a budget of ${megabytes(most)}, which goes by the size of its file and inputs; if you trust it, import it with { budget: ${Number.isFinite(enough) ? enough : Infinity} }.`);
  };
  try {
    return watched((_primitive: Primitive, results, params) => charge(costOf(results, params ?? {})), f);
  } finally {
    spend = outer;
  }
}
