/** Branches, loops, and sequences, which loops fill. */
import { lax, numpy as jnp, type Array } from '../../jax/index.js';
import { currentFrame } from '../../jax/core.js';
import { canonicalAxis } from '../../jax/dims.js';
import type { Graph } from '../graph.js';
import { Known, Sequence, arrayOf, knownOf, type Value } from '../values.js';
import { indices } from '../budget.js';
import { UnknownValueError, type Call, type Operators } from '../call.js';

const arrays = (vs: readonly Value[]): Array[] => vs.map(arrayOf);

function branch(c: Call): Value[] {
  const condition = c.value(0);
  const known = knownOf(condition);
  const run = (name: string): Value[] => c.run.graph(c.graph(name), []);
  // A branch that is known needs no node, and may return what it likes.
  if (known) return run(known.values[0] ? 'then_branch' : 'else_branch');
  const scalar = lax.reshape(arrayOf(condition), []);
  return lax.cond(scalar, () => arrays(run('then_branch')), () => arrays(run('else_branch'))) as Array[];
}

/** Turns at most, that are written out where a loop needs to know which one it is in. */
const MOST_TURNS = 1024;

/** Runs a loop turn by turn: outside a trace, or where the number of turns is known and the body needs it. */
function turnByTurn(c: Call, body: Graph, most: number, first: readonly Value[]): Value[] {
  const carried = first.length;
  let states = [...first];
  const collected: Array[][] = body.outputs.slice(1 + carried).map(() => []);
  let go: Value | null = c.has(1) ? c.value(1) : null;
  for (let i = 0; i < most; i++) {
    if (go !== null) {
      const k = knownOf(go);
      if (!k) throw new UnknownValueError(`The node ${c.where} is a loop whose number of turns depends on data, and so is not known while the function is traced; call it without jit.`);
      if (!k.values[0]) break;
    }
    const [next, ...rest] = c.run.graph(body, [new Known('int64', [], [i]), go ?? new Known('bool', [], [1]), ...states]);
    go = next;
    states = rest.slice(0, carried);
    rest.slice(carried).forEach((v, k) => collected[k].push(arrayOf(v)));
  }
  return [...states, ...collected.map((rows) => {
    if (rows.length === 0) throw c.fail('is a loop without turns, whose collected outputs have no shape');
    return lax.stack(rows);
  })];
}

function loop(c: Call): Value[] {
  const body = c.graph('body');
  const first = c.inputs.slice(2).map((_, i) => c.value(i + 2));
  if (body.outputs.length < 1 + first.length) throw c.fail(`carries ${first.length} values, and so needs a body of at least ${1 + first.length} outputs, but it has ${body.outputs.length}`);
  const most = c.has(0) ? knownOf(c.value(0)) : null;
  const turns = most ? Number(most.values[0]) : Infinity;
  const start = c.has(1) ? knownOf(c.value(1)) : new Known('bool', [], [1]);
  const collects = body.outputs.length > 1 + first.length;
  const concrete = currentFrame() === null;
  if (start && !start.values[0] && !collects) return [...first];
  if (concrete || first.some((v) => v instanceof Sequence) || !start) return turnByTurn(c, body, turns, first);
  const run = (i: Value, go: Value, states: readonly Value[]): Value[] => c.run.graph(body, [i, go, ...states]);
  const as = (states: readonly Array[]): Array[] => states.map((x) => x);
  if (most && Number.isFinite(turns)) {
    if (turns > 0 && goesOn(body)) {
      try {
        const [last, ys] = lax.scan((states: Array[], i: Array) => {
          const [, ...rest] = run(i, new Known('bool', [], [1]), as(states));
          return [arrays(rest.slice(0, first.length)), arrays(rest.slice(first.length))];
        }, arrays(first), lax.iota('int64', turns));
        return [...(last as Array[]), ...(ys as Array[])];
      } catch (error) {
        // A body that slices by its turn, say, is written out.
        if (!(error instanceof UnknownValueError) || turns > MOST_TURNS) throw error;
      }
    }
    if (turns <= MOST_TURNS && (collects || goesOn(body))) return turnByTurn(c, body, turns, first);
  }
  if (collects) throw new UnknownValueError(`The node ${c.where} is a loop that collects values in a number of turns that depends on data, and so has no shape while the function is traced; call it without jit.`);
  const limit = c.has(0) ? lax.reshape(c.x(0), []) : null;
  const [, , ...last] = lax.whileLoop(
    ([i, go]: Array[]) => (limit ? lax.bitwiseAnd(go, lax.lt(i, limit)) : go),
    ([i, go, ...states]: Array[]) => { const [next, ...rest] = run(i, go, states); return [lax.add(i, 1), lax.reshape(arrayOf(next), []), ...arrays(rest)]; },
    [jnp.array(0n), jnp.array(true), ...arrays(first)],
  ) as Array[];
  return last;
}

/** Whether a loop's condition is only passed on, or a constant that is true: the number of turns alone says when it ends. */
function goesOn(body: Graph): boolean {
  let name = body.outputs[0].name;
  for (;;) {
    if (name === body.inputs[1]?.name) return true;
    const node = body.nodes.find((n) => n.outputs.includes(name));
    if (!node) { const t = body.constants.get(name); return t !== undefined && t.size === 1 && t.load().item() !== 0 && Boolean(t.load().item()); }
    if (node.op === 'Constant') { const t = node.tensors.get('value'); return t !== undefined && t.size === 1 && Boolean(t.load().item()); }
    if (node.op !== 'Identity' && node.op !== 'Cast') return false;
    name = node.inputs[0];
  }
}

function scan(c: Call): Value[] {
  const body = c.graph('body');
  const scanned = c.int('num_scan_inputs', 1);
  if (scanned < 1 || scanned > c.inputs.length) throw c.fail(`scans ${scanned} of its ${c.inputs.length} inputs`);
  const states = c.xs().slice(0, -scanned);
  const outputs = body.outputs.length - states.length;
  if (outputs < 0) throw c.fail(`carries ${states.length} values, of which its body returns ${body.outputs.length}`);
  const ways = (name: string, n: number): number[] => c.list(name) ?? globalThis.Array<number>(n).fill(0);
  const [inWays, outWays, inAxes, outAxes] = [ways('scan_input_directions', scanned), ways('scan_output_directions', outputs), ways('scan_input_axes', scanned), ways('scan_output_axes', outputs)];
  const xs = c.xs().slice(-scanned).map((x, i) => {
    const front = jnp.moveaxis(x, canonicalAxis(inAxes[i], x.ndim, c.where), 0);
    return inWays[i] ? lax.rev(front, [0]) : front;
  });
  const [last, ys] = lax.scan((carry: Array[], rows: Array[]) => {
    const out = arrays(c.run.graph(body, [...carry, ...rows]));
    return [out.slice(0, states.length), out.slice(states.length)];
  }, states, xs);
  return [...(last as Array[]), ...(ys as Array[]).map((y, i) => {
    const turned = outWays[i] ? lax.rev(y, [0]) : y;
    return jnp.moveaxis(turned, 0, canonicalAxis(outAxes[i], y.ndim, c.where));
  })];
}

/** The body for each element of the first sequence; other sequences go along, arrays stay. */
function sequenceMap(c: Call): Sequence[] {
  const { items } = c.sequence(0);
  const rows = items.map((item, k) => c.run.graph(c.graph('body'), [item, ...c.inputs.slice(1).map((_, i) => { const v = c.value(i + 1); return v instanceof Sequence ? v.items[k] : v; })]));
  return c.node.outputs.map((_, o) => new Sequence(rows.map((row) => row[o])));
}

const place = (c: Call, n: number, i: number): number => { const at = Number(c.given(i)[0]); return at < 0 ? at + n : at; };

function splitToSequence(c: Call): Sequence {
  const x = c.x(0);
  const axis = c.axis('axis', 0);
  const n = x.shape[axis];
  const given = c.known(1);
  const even = (size: number): number[] => indices(n / size).map((i) => Math.min(size, n - i * size));
  const sizes = !given ? even(1) : given.shape.length === 0 ? even(Number(given.values[0])) : (given.values as number[]);
  const parts = lax.split(x, sizes, { axis });
  return new Sequence(given || c.int('keepdims', 1) ? parts : parts.map((p) => lax.squeeze(p, [axis])));
}

function concatFromSequence(c: Call): Array {
  const xs = arrays(c.sequence(0).items);
  if (xs.length === 0) throw c.fail('joins a sequence of nothing');
  return c.int('new_axis', 0) ? lax.stack(xs, { axis: c.int('axis', 0) }) : lax.concatenate(xs, canonicalAxis(c.int('axis', 0), xs[0].ndim, c.where));
}

export const CONTROL: Operators = {
  If: { run: branch }, Loop: { run: loop, statics: [0, 1] }, Scan: { run: scan, refuses: (node) => (node.version < 9 ? 'its form before version 9 is not supported' : undefined) },
  SequenceMap: sequenceMap,
  SequenceConstruct: (c) => new Sequence(c.inputs.map((_, i) => c.value(i))), SequenceEmpty: () => new Sequence([]),
  SequenceAt: (c) => { const { items } = c.sequence(0); const at = place(c, items.length, 1); if (!(at in items)) throw c.fail(`takes number ${at} of a sequence of ${items.length}`); return items[at]; },
  SequenceInsert: (c) => { const items = [...c.sequence(0).items]; items.splice(c.has(2) ? place(c, items.length, 2) : items.length, 0, c.value(1)); return new Sequence(items); },
  SequenceErase: (c) => { const items = [...c.sequence(0).items]; items.splice(c.has(1) ? place(c, items.length, 1) : items.length - 1, 1); return new Sequence(items); },
  SequenceLength: (c) => new Known('int64', [], [c.sequence(0).items.length]),
  SplitToSequence: { run: splitToSequence, statics: [1] }, ConcatFromSequence: concatFromSequence,
  Optional: (c) => new Sequence(c.has(0) ? [c.value(0)] : [], true),
  OptionalHasElement: (c) => { const v = c.has(0) ? c.value(0) : null; return new Known('bool', [], [Number(v instanceof Sequence && v.optional ? v.items.length > 0 : v !== null)]); },
  OptionalGetElement: (c) => {
    const v = c.value(0);
    if (!(v instanceof Sequence) || !v.optional) return v;
    if (v.items.length === 0) throw c.fail('takes the element of an optional that has none');
    return v.items[0];
  },
};

