/** `while`: a loop whose number of turns is found by running it, as ONNX Loop. */
import { strong, zeros } from '../../autodiff.js';
import { batchedProgram } from '../../batching.js';
import { bind, evalJaxpr, type Jaxpr } from '../../core.js';
import { jvpProgram } from '../../forward.js';
import { traceProgram } from '../../programs.js';
import { ValueError } from '../../../runtime/errors.js';
import { lowerProgram } from '../../../lowering/lower.js';
import { select } from '../arithmetic.js';
import { isFloat } from '../../dtypes.js';
import type { Primitive } from '../primitive.js';
import { reduceMax } from '../reduce.js';
import { inFront, reshape } from '../shape.js';
import { convertElementType } from '../convert.js';
import { aroundTheLoop, writeInner } from './common.js';

/** `cond`: (condConsts, carry) → bool. `body`: (bodyConsts, carry) → carry. Inputs: condConsts, bodyConsts, carry. */
export interface WhileParams { readonly cond: Jaxpr; readonly body: Jaxpr; readonly condConsts: number; readonly bodyConsts: number }

export const whileP: Primitive<WhileParams> = {
  name: 'while',
  shape: (_inputs, { body }) => body.outputs.map((a) => strong(a.aval)),
  vjp: (inputs, params, needed) => {
    if (inputs.some((x, i) => needed[i] && isFloat(x.dtype))) throw new ValueError('whileLoop: reverse-mode differentiation needs a number of turns that is known beforehand; use lax.scan, lax.foriLoop with constant bounds, or jvp.');
    return { outputs: bind(whileP, inputs, params), pullback: () => inputs.map(() => null) };
  },
  jvp: (inputs, tangents, params) => {
    const { cond, body, condConsts, bodyConsts } = params;
    const carried = inputs.slice(condConsts + bodyConsts);
    const given = tangents.slice(condConsts).map((t) => t !== null);
    const active = aroundTheLoop(given, bodyConsts, carried.length, (marks) => jvpProgram(body, marks).outputs);
    const mine = active.slice(bodyConsts);
    const both = jvpProgram(body, active, mine);
    const ts = inputs.slice(condConsts).map((x, i) => (active[i] ? tangents[condConsts + i] ?? zeros(strong(x.aval)) : null));
    // Constants and their tangents, then the carry and its tangents.
    const n = bodyConsts + carried.length;
    const constTangents = active.slice(0, bodyConsts).filter(Boolean).length;
    const vars = both.jaxpr.inputs;
    const turned = { ...both.jaxpr, inputs: [...vars.slice(0, bodyConsts), ...vars.slice(n, n + constTangents), ...vars.slice(bodyConsts, n), ...vars.slice(n + constTangents)] };
    const extra = carried.filter((_, i) => mine[i]);
    const test = traceProgram([...cond.inputs.map((v) => v.aval), ...extra.map((x) => x.aval)], (...xs) => evalJaxpr(cond, xs.slice(0, cond.inputs.length)));
    const results = bind(whileP, [...inputs.slice(0, condConsts + bodyConsts), ...ts.slice(0, bodyConsts).filter((t) => t !== null), ...carried, ...ts.slice(bodyConsts).filter((t) => t !== null)],
      { cond: test, body: turned, condConsts, bodyConsts: bodyConsts + constTangents });
    let at = carried.length;
    return { outputs: results.slice(0, at), tangents: mine.map((m) => (m ? results[at++] : null)) };
  },
  batch: (inputs, axes, params, mapped) => {
    const { cond, body, condConsts, bodyConsts } = params;
    const marks = axes.map((a) => a !== null);
    const [condMarks, bodyMarks] = [marks.slice(0, condConsts), marks.slice(condConsts, condConsts + bodyConsts)];
    const whole = (carry: readonly boolean[]) => aroundTheLoop([...bodyMarks, ...carry], bodyConsts, carry.length, (m) => batchedProgram(body, m, mapped, m.slice(bodyConsts)).outputs).slice(bodyConsts);
    let carry = whole(marks.slice(condConsts + bodyConsts));
    // Where the condition differs along the axis, all go on until the last is done, and who is done stays.
    const own = batchedProgram(cond, [...condMarks, ...carry], mapped).outputs[0];
    if (own) carry = carry.map(() => true);
    const given = inputs.map((x, i) => {
      const m = i < condConsts + bodyConsts ? marks[i] : carry[i - condConsts - bodyConsts];
      return m ? inFront(x, axes[i], mapped.size) : x;
    });
    const test = batchedProgram(cond, [...condMarks, ...carry], mapped).jaxpr;
    const turn = batchedProgram(body, [...bodyMarks, ...carry], mapped, carry).jaxpr;
    if (!own) return [bind(whileP, given, { ...params, cond: test, body: turn }), carry.map((m) => (m ? 0 : null))];
    const any = traceProgram(test.inputs.map((v) => v.aval), (...xs) => { const [p] = evalJaxpr(test, xs); return [convertElementType(reduceMax(convertElementType(p, 'int32'), [0]), 'bool')]; });
    const guarded = traceProgram([...test.inputs.slice(0, condConsts), ...turn.inputs].map((v) => v.aval), (...xs) => {
      const old = xs.slice(condConsts + bodyConsts);
      const [p] = evalJaxpr(test, [...xs.slice(0, condConsts), ...old]);
      return evalJaxpr(turn, xs.slice(condConsts)).map((x, i) => select(reshape(p, [mapped.size, ...x.shape.slice(1).map(() => 1)]), x, old[i]));
    });
    const results = bind(whileP, [...given.slice(0, condConsts), ...given], { cond: any, body: guarded, condConsts, bodyConsts: condConsts + bodyConsts });
    return [results, carry.map(() => 0)];
  },
  lower: (g, inputs, { cond, body, condConsts, bodyConsts }) => {
    const [forCond, forBody, carry] = [inputs.slice(0, condConsts), inputs.slice(condConsts, condConsts + bodyConsts), inputs.slice(condConsts + bodyConsts)];
    const first = lowerProgram(g, cond, [...forCond, ...carry]).outputs[0]!;
    const inner = g.inner();
    inner.input(g.fresh('s'), 'int64', []);
    inner.input(g.fresh('s'), 'bool', []);
    const names = carry.map((_, i) => inner.input(g.fresh('s'), body.outputs[i].aval.dtype, body.outputs[i].aval.shape));
    const turn = traceProgram([...cond.inputs.slice(0, condConsts), ...body.inputs].map((v) => v.aval), (...xs) => {
      const next = evalJaxpr(body, xs.slice(condConsts));
      return [evalJaxpr(cond, [...xs.slice(0, condConsts), ...next])[0], ...next];
    });
    writeInner(inner, turn, [...forCond, ...forBody, ...names]);
    const results = g.nodeWithOutputs('Loop', ['', first, ...carry], carry.length, { body: { graph: inner } });
    // The engine does not infer them, and our operators would take an unknown shape for a scalar's.
    results.forEach((name, i) => g.declare(name, body.outputs[i].aval.dtype, body.outputs[i].aval.shape));
    return results;
  },
};

