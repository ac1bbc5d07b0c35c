/** Running a core over a sequence. */
import { lax, numpy as jnp, tree, type Array } from '../../jax/index.js';
import { TypeError, ValueError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import { frames } from '../context.js';
import { describe } from '../mappings.js';
import { scan } from '../stateful.js';

/** Anything that is called as a core is. */
export type Core<State = any> = (inputs: any, state: State) => readonly [outputs: any, state: State];

export interface StaticUnrollOptions {
  /** Whether the sequence is `[time, batch, …]` (default), or `[batch, time, …]`. */
  timeMajor?: boolean;
}

export interface DynamicUnrollOptions extends StaticUnrollOptions {
  /** From the last step to the first; outputs stay in their places. */
  reverse?: boolean;
  /** Whether the second result is the sequence of all states. */
  returnAllStates?: boolean;
  /** As in `lax.scan`. */
  unroll?: number | boolean;
}

/**
 * Unrolls a core over a sequence, every step written out: `[outputs, last state]`.
 * @param inputSequence A tree of arrays with a time axis.
 * @throws ValueError for an empty sequence, or one without arrays.
 */
export function staticUnroll<State>(core: Core<State>, inputSequence: any, initialState: State, options?: StaticUnrollOptions): [outputs: any, state: State] {
  const { timeMajor = true } = checkOptions('hk.staticUnroll', options, ['timeMajor']);
  const axis = timeMajor ? 0 : 1;
  const steps = (tree.leaves(inputSequence)[0] as Array | undefined)?.shape[axis];
  if (!steps) throw new ValueError('hk.staticUnroll: the sequence has no steps, so there is nothing to return; give it at least one.');
  const at = (t: number) => (x: Array): Array => (timeMajor ? x.index(t) : x.index({ start: null, stop: null }, t));
  const outputs: any[] = [];
  let state = initialState;
  for (let t = 0; t < steps; t++) {
    const [out, next] = pairOf<State>('hk.staticUnroll', core(tree.map(at(t), inputSequence), state));
    outputs.push(out);
    state = next;
  }
  return [tree.map((...ys: Array[]) => jnp.stack(ys, { axis }), outputs[0], ...outputs.slice(1)), state];
}

/** What a core returned. An array could be taken apart too, row by row. */
function pairOf<State>(where: string, result: unknown): [outputs: any, state: State] {
  if (!globalThis.Array.isArray(result) || result.length !== 2) throw new TypeError(`${where}: a core must return [outputs, state], but this one returned ${describe(result)}.`);
  return result as [any, State];
}

const swapBatchTime = (xs: any): any => tree.map((x: Array) => jnp.swapaxes(x, 0, 1), xs);

/**
 * Unrolls a core over a sequence with a loop in the program: `[outputs, last state]`, or all states. Within a transform it
 * is `hk.scan`, outside `lax.scan`.
 * @param inputSequence A tree of arrays with a time axis.
 */
export function dynamicUnroll<State>(core: Core<State>, inputSequence: any, initialState: State, options?: DynamicUnrollOptions): [outputs: any, state: State] {
  const { timeMajor = true, reverse = false, returnAllStates = false, unroll = 1 }
    = checkOptions('hk.dynamicUnroll', options, ['timeMajor', 'reverse', 'returnAllStates', 'unroll']);
  const step = (state: State, inputs: any): [any, any] => {
    const [outputs, next] = pairOf<State>('hk.dynamicUnroll', core(inputs, state));
    return [next, returnAllStates ? [outputs, next] : outputs];
  };
  const run = frames.top ? scan : lax.scan;
  const [last, ys] = run(step, initialState, timeMajor ? inputSequence : swapBatchTime(inputSequence), { reverse, unroll });
  const sequences = timeMajor ? ys : swapBatchTime(ys);
  return returnAllStates ? sequences : [sequences, last];
}
