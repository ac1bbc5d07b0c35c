/** `scan`: a loop over the leading axis, as one ONNX Scan. What it captures is read from outside and never copied. */
import { range } from '../../../runtime/range.js';
import { NDArray, aval, type Aval } from '../../array.js';
import { reached, splitVjp, strong, zeros } from '../../autodiff.js';
import { batchedProgram } from '../../batching.js';
import { bind, evalJaxpr, type Jaxpr, type Var } from '../../core.js';
import { isFloat } from '../../dtypes.js';
import { jvpProgram } from '../../forward.js';
import { traceProgram } from '../../programs.js';
import { add } from '../arithmetic.js';
import type { Primitive } from '../primitive.js';
import { inFront, moveAxis } from '../shape.js';
import { aroundTheLoop, writeInner } from './common.js';
import { hoist } from './hoist.js';

/** `jaxpr`: (consts, carry, slices) → (carry, slices of the results). Inputs of the primitive: consts, carry, arrays. */
export interface ScanParams { readonly jaxpr: Jaxpr; readonly consts: number; readonly carry: number; readonly length: number; readonly reverse: boolean }

const stacked = (a: Aval, length: number): Aval => aval([length, ...a.shape], a.dtype);

/** What is kept of each turn for the way back: nothing for what the loop does not change or reads anyway. */
function residuals(forward: Jaxpr, outputs: number, consts: number, carry: number): { kept: Jaxpr; sources: readonly { input: number; stack: number }[] } {
  const stack: Jaxpr['outputs'][number][] = [];
  const sources = forward.outputs.slice(outputs).map((a) => {
    const input = forward.inputs.indexOf(a as Var);
    if (input >= 0 && (input < consts || input >= consts + carry)) return { input, stack: -1 };
    return { input: -1, stack: stack.push(a) - 1 };
  });
  return { kept: { ...forward, outputs: [...forward.outputs.slice(0, outputs), ...stack] }, sources };
}

const vjp: NonNullable<Primitive<ScanParams>['vjp']> = (inputs, params, needed) => {
  const { jaxpr, consts, carry, length, reverse } = params;
  const wanted = inputs.map((x, i) => needed[i] && isFloat(x.dtype));
  const active = aroundTheLoop(wanted, consts, carry, (marks) => reached(jaxpr, marks));
  const given = reached(jaxpr, active);
  // A carry that is active at all has a cotangent in every turn.
  for (let i = 0; i < carry; i++) given[i] = active[consts + i];
  const { forward, backward } = splitVjp(jaxpr, active, given);
  const { kept, sources } = residuals(forward, jaxpr.outputs.length, consts, carry);
  const results = bind(scanP, inputs, { ...params, jaxpr: kept });
  const outputs = results.slice(0, jaxpr.outputs.length);
  const stack = results.slice(jaxpr.outputs.length);
  const marked = (from: number, to: number) => [...active.keys()].filter((i) => i >= from && i < to && active[i]);
  const [constAt, carryAt, xsAt] = [marked(0, consts), marked(consts, consts + carry), marked(consts + carry, inputs.length)];
  return {
    outputs,
    pullback: (cts) => {
      const fixed = sources.filter((s) => s.input >= 0 && s.input < consts).map((s) => inputs[s.input]);
      const slices = sources.filter((s) => !(s.input >= 0 && s.input < consts)).map((s) => (s.input >= 0 ? inputs[s.input] : stack[s.stack]));
      const ct = (k: number) => cts[k] ?? zeros(strong(outputs[k].aval));
      const ys = jaxpr.outputs.flatMap((_, k) => (k >= carry && given[k] ? [ct(k)] : []));
      const slice = (x: NDArray) => aval(x.shape.slice(1), x.dtype);
      const carried = carryAt.map((i) => ct(i - consts));
      const stacks = [...slices, ...ys];
      // (what does not change, cotangents of the carry, kept slices, cotangents of the results) → cotangents of the inputs
      const turn = traceProgram([...fixed.map((x) => x.aval), ...carried.map((x) => strong(x.aval)), ...stacks.map(slice)], (...xs) => {
        let [f, s] = [0, fixed.length + carried.length];
        const kept_ = sources.map((source) => (source.input >= 0 && source.input < consts ? xs[f++] : xs[s++]));
        return evalJaxpr(backward, [...kept_, ...xs.slice(fixed.length, fixed.length + carried.length), ...xs.slice(fixed.length + carried.length + slices.length)]);
      });
      const sliced = turn.inputs.slice(fixed.length + carried.length);
      const hoisted = hoist(turn, constAt.length, new Set(turn.inputs.slice(0, fixed.length)), new Set(sliced));
      const summed = [...constAt.keys()].filter((k) => !hoisted.after[k]);
      const back = [...carried, ...summed.map((k) => zeros(strong(inputs[constAt[k]].aval)))];
      // (what does not change, cotangents of the carry, sums for captured arrays, slices) → (those two, slices' cotangents, what is summed later)
      const body = traceProgram([...fixed.map((x) => x.aval), ...back.map((x) => strong(x.aval)), ...stacks.map(slice)], (...xs) => {
        const [sums, rest] = [fixed.length + carried.length, fixed.length + back.length];
        const pulled = evalJaxpr({ ...turn, outputs: [...turn.outputs, ...hoisted.stacks] }, [...xs.slice(0, sums), ...xs.slice(rest)]);
        const carries = constAt.length + carryAt.length;
        return [...pulled.slice(constAt.length, carries), ...summed.map((k, n) => add(xs[sums + n], pulled[k])), ...pulled.slice(carries)];
      });
      const pulled = bind(scanP, [...fixed, ...back, ...stacks], { jaxpr: body, consts: fixed.length, carry: back.length, length, reverse: !reverse });
      const later = pulled.slice(pulled.length - hoisted.stacks.length);
      const stackOf = (v: Var) => (sliced.includes(v) ? stacks[sliced.indexOf(v)] : later[hoisted.stacks.indexOf(v)]);
      const found = new Map<number, NDArray>();
      [...carryAt, ...summed.map((k) => constAt[k]), ...xsAt].forEach((i, k) => found.set(i, pulled[k]));
      hoisted.after.forEach((sum, k) => { if (sum) found.set(constAt[k], sum(stackOf)); });
      return inputs.map((_, i) => (wanted[i] ? found.get(i) ?? null : null));
    },
  };
};

export const scanP: Primitive<ScanParams> = {
  name: 'scan',
  shape: (_inputs, { jaxpr, carry, length }) => jaxpr.outputs.map(({ aval: a }, i) => (i < carry ? strong(a) : stacked(a, length))),
  vjp,
  jvp: (inputs, tangents, params) => {
    const { jaxpr, consts, carry } = params;
    const given = tangents.map((t) => t !== null);
    const active = aroundTheLoop(given, consts, carry, (marks) => jvpProgram(jaxpr, marks).outputs);
    const forced = jaxpr.outputs.map((_, i) => i < carry && active[consts + i]);
    const both = jvpProgram(jaxpr, active, forced);
    const ts = inputs.map((x, i) => (active[i] ? tangents[i] ?? zeros(strong(x.aval)) : null));
    // Each part of the inputs and outputs is followed by its tangents.
    const parts = [[0, consts], [consts, consts + carry], [consts + carry, inputs.length]];
    const n = inputs.length;
    const place = new Map([...active.keys()].filter((i) => active[i]).map((i, k) => [i, n + k]));
    const order = parts.flatMap(([from, to]) => { const own = range(from, to); return [...own, ...own.flatMap((i) => (active[i] ? [place.get(i)!] : []))]; });
    const m = jaxpr.outputs.length;
    const outPlace = new Map([...both.outputs.keys()].filter((i) => both.outputs[i]).map((i, k) => [i, m + k]));
    const outOrder = [[0, carry], [carry, m]].flatMap(([from, to]) => { const own = range(from, to); return [...own, ...own.flatMap((i) => (both.outputs[i] ? [outPlace.get(i)!] : []))]; });
    const all = [...inputs, ...ts.filter((t) => t !== null)];
    const results = bind(scanP, order.map((i) => all[i]), {
      ...params,
      jaxpr: { ...both.jaxpr, inputs: order.map((i) => both.jaxpr.inputs[i]), outputs: outOrder.map((i) => both.jaxpr.outputs[i]) },
      consts: consts + active.slice(0, consts).filter(Boolean).length,
      carry: carry + active.slice(consts, consts + carry).filter(Boolean).length,
    });
    const at = (i: number) => results[outOrder.indexOf(i)];
    return { outputs: range(0, m).map(at), tangents: range(0, m).map((i) => (both.outputs[i] ? at(outPlace.get(i)!) : null)) };
  },
  batch: (inputs, axes, params, mapped) => {
    const { jaxpr, consts, carry } = params;
    const forced = (marks: readonly boolean[]) => jaxpr.outputs.map((_, i) => i < carry && marks[consts + i]);
    const isMapped = aroundTheLoop(axes.map((a) => a !== null), consts, carry, (marks) => batchedProgram(jaxpr, marks, mapped, forced(marks)).outputs);
    const batched = batchedProgram(jaxpr, isMapped, mapped, forced(isMapped));
    const results = bind(scanP, inputs.map((x, i) => (!isMapped[i] ? x : i < consts + carry ? inFront(x, axes[i], mapped.size) : moveAxis(x, axes[i]!, 1))), { ...params, jaxpr: batched.jaxpr });
    return [results, batched.outputs.map((b, i) => (b ? (i < carry ? 0 : 1) : null))];
  },
  lower: (g, inputs, { jaxpr, consts, carry, length, reverse }) => {
    const body = g.inner();
    const names = jaxpr.inputs.map((v, i) => (i < consts ? inputs[i] : body.input(g.fresh('s'), v.aval.dtype, v.aval.shape)));
    const xs = inputs.slice(consts + carry);
    // The engine counts turns by what it slices.
    if (xs.length === 0) {
      xs.push(g.node('ConstantOfShape', [g.ints([length])]));
      body.input(g.fresh('s'), 'float32', []);
    }
    writeInner(body, jaxpr, names);
    const direction = reverse ? 1 : 0;
    return g.nodeWithOutputs('Scan', [...inputs.slice(consts, consts + carry), ...xs], jaxpr.outputs.length, {
      body: { graph: body }, num_scan_inputs: xs.length,
      ...(reverse && { scan_input_directions: xs.map(() => direction), scan_output_directions: jaxpr.outputs.slice(carry).map(() => direction) }),
    });
  },
};
