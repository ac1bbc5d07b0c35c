/**
 * The fusion pass: which equations become one `hokku.Fused` node. The engine runs one kernel per operator and writes
 * every intermediate to memory; a connected group of elementwise equations needs neither. The last node of a program
 * with donated inputs is special: it writes their new values in place, and because it takes everything that reads the
 * old values as inputs, it is its own barrier.
 */
import type { Atom, Equation, Jaxpr, Literal, Var } from '../jax/core.js';
import type { Aval } from '../jax/array.js';
import { dims } from '../jax/dims.js';
import { DTYPES, type DType } from '../runtime/dtypes.js';
import { made, mergeConnected, reads } from './merge.js';
import { mergeRows } from './rows.js';
import { OPCODES } from './opcodes.js';

/** What happens with a value that a loop computed: a new output, or the memory of a donated input. */
export interface Store {
  readonly atom: Atom;
  readonly inPlace?: Var;
  /** `atom` is a sum of this value, and `sum` says over which axes. */
  readonly sumOf?: Var;
  readonly sum?: number;
}
/** One iteration space: equations of one shape, in order. */
export interface Loop { readonly equations: readonly Equation[]; readonly stores: readonly Store[] }
export type Step =
  | { readonly kind: 'equation'; readonly equation: Equation }
  | {
    readonly kind: 'fused'; readonly loops: readonly Loop[]; readonly barrier: readonly Atom[];
    /** Loops that read what those before them store, row by row: the shape of what has rows, and how many of its last axes are in a row. */
    readonly rows?: { readonly full: readonly number[]; readonly axes: number };
  };

/** Which outputs are written into which inputs' memory. */
export type InPlace = ReadonlyMap<number, number>;
export interface Plan { readonly steps: readonly Step[]; readonly inPlace: InPlace }

const LOADABLE = new Set<DType>(['float32', 'float64', 'int32', 'int64', 'uint32', 'uint8', 'bool']);
export const isLiteral = (a: Atom): a is Literal => 'value' in a;
const loadable = (a: Aval): boolean => LOADABLE.has(a.dtype);
const fusable = (e: Equation): boolean => e.primitive.opcode !== undefined && e.outputs.every((v) => loadable(v.aval)) && e.inputs.every((a) => loadable(a.aval));

/** What is computed again rather than kept: masks, and arithmetic on one tensor and something smaller, which reads as much as the result has. */
const MASKS = new Set(['eq', 'ne', 'lt', 'le', 'gt', 'ge', 'not', 'convert_element_type']);
const ARITHMETIC = new Set(['add', 'sub', 'mul']);
const cheap = ({ primitive: { name }, inputs, outputs: [{ aval: { shape } }] }: Equation): boolean =>
  MASKS.has(name) || (ARITHMETIC.has(name) && inputs.filter((a) => dims.equalShapes(a.aval.shape, shape)).length === 1);

/** A bias added to a product, and a ReLU on that: the engine's own Gemm does them while the result is in registers. */
function leftToGemm(e: Equation, producer: ReadonlyMap<Atom, Equation>): boolean {
  const made = (a: Atom) => producer.get(a)?.primitive.name;
  if (e.primitive.name === 'add') return e.inputs.some((a, i) => made(a) === 'dot_general' && a.aval.shape.length === 2 && e.inputs[1 - i].aval.shape.length === 1);
  if (e.primitive.name !== 'relu') return false;
  const from = producer.get(e.inputs[0]);
  return from !== undefined && (from.primitive.name === 'dot_general' || (from.primitive.name === 'add' && leftToGemm(from, producer)));
}

/** Pairs donated inputs with the outputs that replace them: the next of the same type, as in JAX. */
export function pairDonated(jaxpr: Jaxpr, donated: readonly number[]): Map<number, number> {
  const pairs = new Map<number, number>();
  const free = [...donated];
  jaxpr.outputs.forEach((out, k) => {
    // An output that is an input goes around the program; it needs no memory.
    if (isLiteral(out) || jaxpr.inputs.includes(out as Var) || jaxpr.outputs.indexOf(out) !== k) return;
    const at = free.findIndex((j) => { const a = jaxpr.inputs[j].aval; return a.dtype === out.aval.dtype && dims.equalShapes(a.shape, out.aval.shape); });
    if (at >= 0) pairs.set(k, free.splice(at, 1)[0]);
  });
  return pairs;
}

export function planFusion(jaxpr: Jaxpr, wanted: InPlace): Plan {
  const producer = new Map<Atom, Equation>();
  const users = new Map<Atom, (Equation | number)[]>();
  const use = (a: Atom, by: Equation | number) => { if (!isLiteral(a)) users.set(a, [...(users.get(a) ?? []), by]); };
  for (const e of jaxpr.equations) {
    e.outputs.forEach((v) => producer.set(v, e));
    e.inputs.forEach((a) => use(a, e));
  }
  jaxpr.outputs.forEach((a, k) => use(a, k));

  // The update: equations that nothing but donated outputs needs.
  const inPlace = new Map([...wanted].filter(([k]) => loadable(jaxpr.outputs[k].aval)));
  const possible = inPlace.size;
  const update = new Set<Equation>();
  for (const e of [...jaxpr.equations].reverse()) {
    if (!fusable(e)) continue;
    const [out] = e.outputs;
    const uses = users.get(out) ?? [];
    if (uses.length && uses.every((u) => (typeof u === 'number' ? inPlace.has(u) : update.has(u) && dims.equalShapes(u.outputs[0].aval.shape, out.aval.shape)))) update.add(e);
  }
  const updates = loopsOf(jaxpr, [...jaxpr.equations].filter((e) => update.has(e)), inPlace);
  // A donated input that another loop reads would change under its reader: that output gets memory of its own.
  const stores = updates.flatMap((l, i) => l.stores.map((s) => ({ ...s, loop: i })));
  for (const [k, j] of [...inPlace]) {
    const target = jaxpr.inputs[j];
    const mine = stores.find((s) => s.inPlace === target)!.loop;
    const [, ...views] = sharing(jaxpr, [target]);
    const hazard = updates.some((l, i) => ((i !== mine || !broadcastFree(l, target)) && loopReads(l, target)) || views.some((v) => loopReads(l, v)));
    if (hazard) inPlace.delete(k);
  }
  if (inPlace.size < possible) return planFusion(jaxpr, inPlace);

  const order = new Map(jaxpr.equations.map((e, i) => [e, i]));
  const steps = mergeRows(mergeConnected(group(jaxpr, jaxpr.equations.filter((e) => !update.has(e)), producer, users), users, order));
  if (updates.length) {
    // What only the caller waits for rides along in the last node, unless it reads what is overwritten there.
    const targets = sharing(jaxpr, [...inPlace.values()].map((j) => jaxpr.inputs[j]));
    for (const step of [...steps]) {
      if (step.kind !== 'fused' || step.rows) continue;
      const [loop] = step.loops;
      if (!loop.stores.every((s) => users.get(s.atom)!.every((u) => typeof u === 'number' && !inPlace.has(u))) || [...targets].some((a) => loopReads(loop, a))) continue;
      steps.splice(steps.indexOf(step), 1);
      updates.push(loop);
    }
    const merged = mergeSmall(steps);
    return { steps: [...merged, { kind: 'fused', loops: updates, barrier: barrierOf(jaxpr, merged, updates, inPlace) }], inPlace };
  }
  return { steps: mergeSmall(steps), inPlace };
}

/** Up to this many elements a loop costs less than a node. */
const SMALL_LOOP = 2 ** 11;

/** Small loops wait for the next fused node, if nobody needs them before: a node less. */
function mergeSmall(steps: readonly Step[]): Step[] {
  const merged = [...steps];
  for (let i = 0; i < merged.length; i++) {
    const step = merged[i];
    if (step.kind !== 'fused' || step.rows || !step.loops.every(isSmall)) continue;
    const next = merged.findIndex((later, k) => k > i && (later.kind === 'fused' || reads(later, made(step))));
    const into = merged[next];
    if (into?.kind !== 'fused' || into.rows || reads(into, made(step))) continue;
    merged[next] = { ...into, loops: [...step.loops, ...into.loops] };
    merged.splice(i--, 1);
  }
  return merged;
}

const isSmall = ({ equations }: Loop): boolean => equations.every(({ outputs: [{ aval: { shape } }] }) => dims.isStatic(shape) && dims.size(shape) <= SMALL_LOOP);

/** The memory of `atoms` under all its names: a view is the same bytes in another shape. */
function sharing(jaxpr: Jaxpr, atoms: readonly Atom[]): Set<Atom> {
  const all = new Set(atoms);
  for (const e of jaxpr.equations) if (e.primitive.view && e.inputs.some((a) => all.has(a))) e.outputs.forEach((v) => all.add(v));
  return all;
}

const loopReads = (l: Loop, v: Atom): boolean => l.equations.some((e) => e.inputs.includes(v)) || l.stores.some((s) => (s.sumOf ?? s.atom) === v && s.inPlace !== v);
/** Inside its own loop a donated input must be read element by element. */
const broadcastFree = (l: Loop, v: Var): boolean => l.equations.every((e) => !e.inputs.includes(v) || dims.equalShapes(e.outputs[0].aval.shape, v.aval.shape));

/**
 * Connected update equations, one loop each; an output computed elsewhere gets a loop that only copies. What reads the old
 * value of memory that a loop writes belongs to that loop too: it reads each element before it is overwritten.
 */
function loopsOf(jaxpr: Jaxpr, equations: readonly Equation[], inPlace: InPlace): Loop[] {
  const root = new Map<Equation, Equation>();
  const find = (e: Equation): Equation => { const r = root.get(e)!; return r === e ? e : find(r); };
  const made = new Map<Atom, Equation>();
  for (const e of equations) {
    root.set(e, e);
    for (const a of e.inputs) { const p = made.get(a); if (p) root.set(find(p), find(e)); }
    made.set(e.outputs[0], e);
  }
  for (const [k, j] of inPlace) {
    const [writer, target] = [made.get(jaxpr.outputs[k]), jaxpr.inputs[j]];
    if (!writer) continue;
    for (const e of equations) if (e.inputs.includes(target) && dims.equalShapes(e.outputs[0].aval.shape, target.aval.shape)) root.set(find(e), find(writer));
  }
  const loops = new Map<Equation, { equations: Equation[]; stores: Store[] }>();
  for (const e of equations) {
    const r = find(e);
    if (!loops.has(r)) loops.set(r, { equations: [], stores: [] });
    loops.get(r)!.equations.push(e);
  }
  const copies: Loop[] = [];
  for (const [k, j] of inPlace) {
    const store: Store = { atom: jaxpr.outputs[k], inPlace: jaxpr.inputs[j] };
    const from = made.get(store.atom);
    if (from) loops.get(find(from))!.stores.push(store);
    else copies.push({ equations: [], stores: [store] });
  }
  return [...loops.values(), ...copies];
}

/** Everything that reads donated memory, directly or through a view, and that the update does not depend on already. */
function barrierOf(jaxpr: Jaxpr, steps: readonly Step[], updates: readonly Loop[], inPlace: InPlace): Atom[] {
  const memory = new Set<Atom>([...inPlace.values()].map((j) => jaxpr.inputs[j]));
  const readers: Atom[] = [];
  for (const step of steps) {
    const results = made(step);
    if (!reads(step, [...memory])) continue;
    const view = step.kind === 'equation' && step.equation.primitive.view;
    if (view) results.forEach((v) => memory.add(v));
    if (!view || results.some((v) => jaxpr.outputs.includes(v))) readers.push(...results);
  }
  const before = new Set<Atom>(updates.flatMap((l) => [...l.equations.flatMap((e) => e.inputs), ...l.stores.map((s) => s.atom)]));
  for (const step of [...steps].reverse()) {
    const equations = step.kind === 'equation' ? [step.equation] : [...step.loops.flatMap((l) => l.equations)].reverse();
    if (step.kind === 'fused') step.loops.forEach((l) => l.stores.forEach((s) => { if (s.sumOf && before.has(s.atom)) before.add(s.sumOf); }));
    for (const e of equations) if (e.outputs.some((v) => before.has(v))) e.inputs.forEach((a) => before.add(a));
  }
  // All or nothing: the values that the program returns exist before anything is overwritten.
  const own = new Set(updates.flatMap((l) => l.stores.map((s) => s.atom)));
  const returned = jaxpr.outputs.filter((a, k) => !inPlace.has(k) && !own.has(a) && !isLiteral(a) && !jaxpr.inputs.includes(a as Var));
  return [...new Set([...readers.filter((v) => !before.has(v)), ...returned])];
}

/** Groups the remaining equations: each takes in the producers of its shape that nobody else needs. */
function group(jaxpr: Jaxpr, equations: readonly Equation[], producer: ReadonlyMap<Atom, Equation>, users: ReadonlyMap<Atom, (Equation | number)[]>): Step[] {
  const candidates = new Set(equations.filter((e) => fusable(e) && !leftToGemm(e, producer)));
  const owner = new Map<Equation, Equation[]>();
  // Masks and their conversions are computed again in each group that needs them: that is cheaper than a node.
  const copies = new Map<Equation, Set<Equation[]>>();
  const dropped = new Set<Equation>();
  const producerOf = (a: Atom, shape: readonly number[]) => {
    const p = producer.get(a);
    return p && candidates.has(p) && dims.equalShapes(p.outputs[0].aval.shape, shape) ? p : undefined;
  };
  const copyInto = (members: Equation[], p: Equation): void => {
    if (!cheap(p) || members.includes(p)) return;
    members.push(p);
    copies.set(p, (copies.get(p) ?? new Set()).add(members));
    for (const a of p.inputs) { const q = producerOf(a, p.outputs[0].aval.shape); if (q) copyInto(members, q); }
  };
  /** Where an equation is computed: in its own group, if it is in one, and in those that have a copy. */
  const groupsOf = (u: Equation): Equation[][] => [...(dropped.has(u) ? [] : [owner.get(u)!]), ...(copies.get(u) ?? [])];
  const copied = (e: Equation): boolean => copies.has(e)
    && users.get(e.outputs[0])!.every((u) => typeof u !== 'number' && groupsOf(u).every((g) => copies.get(e)!.has(g)));
  for (const e of [...equations].reverse()) {
    if (!candidates.has(e)) continue;
    if (copied(e)) { dropped.add(e); continue; }
    const members = owner.get(e) ?? [e];
    owner.set(e, members);
    for (const a of e.inputs) {
      const p = producerOf(a, e.outputs[0].aval.shape);
      if (!p || owner.has(p)) continue;
      // A user that is computed in another group too needs this there, or as a value.
      const only = (u: Equation) => owner.get(u) === members && [...(copies.get(u) ?? [])].every((c) => c.includes(p));
      if (!users.get(a)!.every((u) => typeof u !== 'number' && only(u))) {
        copyInto(members, p);
        continue;
      }
      if (!members.includes(p)) members.push(p);
      owner.set(p, members);
    }
  }
  const order = new Map(equations.map((e, i) => [e, i]));
  // A broadcast that only a group reads is no node: the group reads its operand. Another operand must have the full shape.
  const inlined = new Set<Equation>();
  /** A mask that other groups compute too needs its operands there. */
  const onlyIn = (u: Equation, members: Equation[]): boolean =>
    (dropped.has(u) || owner.get(u) === members) && [...(copies.get(u) ?? [])].every((c) => c === members);
  for (const members of new Set(owner.values())) {
    const shape = members[0].outputs[0].aval.shape;
    const loads = [...new Set(members.flatMap((m) => m.inputs))].filter((a) => !isLiteral(a) && !members.includes(producer.get(a)!));
    const isBroadcast = (a: Atom) => producer.get(a)?.primitive.name === 'broadcast_to' && loadable(a.aval) && users.get(a)!.every((u) => typeof u !== 'number' && onlyIn(u, members));
    if (!loads.some((a) => dims.equalShapes(a.aval.shape, shape) && !isBroadcast(a))) continue;
    loads.filter(isBroadcast).forEach((a) => { members.push(producer.get(a)!); inlined.add(producer.get(a)!); });
  }
  const steps: Step[] = [];
  const summed = new Set<Equation>();
  for (const e of equations) {
    if (inlined.has(e) || summed.has(e) || dropped.has(e)) continue;
    const members = owner.get(e);
    if (!members) { steps.push(sumLoop(e, producer) ?? { kind: 'equation', equation: e }); continue; }
    const sorted = [...members].sort((x, y) => order.get(x)! - order.get(y)!);
    // The group stands where its result is made: all it needs is there by then.
    if (sorted.findLast((m) => !inlined.has(m)) !== e) continue;
    const result = e.outputs[0];
    // Sums of the result over its leading or trailing axes are taken while it is in registers: bias gradients and losses.
    const sums = (users.get(result) ?? []).filter((u): u is Equation => typeof u !== 'number' && sumStore(u) !== null);
    sums.forEach((s) => summed.add(s));
    const stores: Store[] = sums.map((s) => ({ atom: s.outputs[0], sumOf: result, sum: sumStore(s)! }));
    if (users.get(result)!.length > sums.length) stores.unshift({ atom: result });
    steps.push({ kind: 'fused', loops: [{ equations: sorted, stores }], barrier: [] });
  }
  return steps;
}

/** Up to this many elements one thread adds up leading axes; then threads share them, if there are so many rows. */
export const ONE_PART = 2 ** 17;
const MANY_ROWS = 1024;

/** The store that a sum becomes, as the operator writes it. */
function sumStore({ primitive, params, inputs: [x] }: Equation): number | null {
  if (primitive.name !== 'reduce_sum' || !('aval' in x)) return null;
  const { shape, dtype } = x.aval;
  const { axes, keepdims } = params as { axes: readonly number[]; keepdims?: boolean };
  if (axes.length === shape.length && !keepdims) return dtype !== 'bool' && loadable(x.aval) ? 2 : null;
  if (!axes.length || dtype !== 'float32' || !dims.isStatic(shape)) return null;
  if (axes.every((a, i) => a === i) && !keepdims) return dims.size(shape) <= ONE_PART || axes.reduce((n, i) => n * (shape[i] as number), 1) >= MANY_ROWS ? 3 + 256 * axes.length : null;
  return axes.every((a, i) => a === shape.length - axes.length + i) ? (keepdims ? 5 : 4) + 256 * axes.length : null;
}

/** From so many elements on, a sum of something that no loop makes is a loop all the same: it has all threads, and adds in float64. */
const LARGE_SUM = 2 ** 15;
/** So is one of what our product makes (a bias's gradient), with which it may share a node. */
function sumLoop(e: Equation, producer: ReadonlyMap<Atom, Equation>): Step | null {
  const sum = sumStore(e);
  const [x] = e.inputs;
  if (sum === null || isLiteral(x) || !dims.isStatic(x.aval.shape)) return null;
  const least = producer.get(x)?.primitive.name === 'product' ? 0 : sum % 256 === 3 ? ONE_PART : LARGE_SUM;
  if (dims.size(x.aval.shape) < least) return null;
  return { kind: 'fused', loops: [{ equations: [], stores: [{ atom: e.outputs[0], sumOf: x, sum }] }], barrier: [] };
}

const bits = new DataView(new ArrayBuffer(8));
function literalBits(value: number | bigint | boolean, dtype: DType): bigint {
  bits.setBigInt64(0, 0n, true);
  switch (dtype) {
    case 'float32': bits.setFloat32(0, Number(value), true); return BigInt(bits.getUint32(0, true));
    case 'float64': bits.setFloat64(0, Number(value), true); return bits.getBigInt64(0, true);
    case 'int64': return BigInt.asIntN(64, BigInt(value));
    case 'bool': return value ? 1n : 0n;
    default: return BigInt.asUintN(32, BigInt(value));
  }
}

export interface FusedNode { readonly inputs: readonly Atom[]; readonly outputs: readonly Atom[]; readonly program: readonly bigint[] }

/** The attribute of a fused node and what it reads and makes; tokens are the outputs that no loop stores. */
export function encodeFused(loops: readonly Loop[], barrier: readonly Atom[]): FusedNode {
  const inputs: Atom[] = [];
  const outputs: Atom[] = [];
  const inputIndex = (a: Atom) => { if (!inputs.includes(a)) inputs.push(a); return inputs.indexOf(a); };
  const program: bigint[] = [1n, BigInt(loops.length)];
  for (const { equations, stores } of loops) {
    const made = new Set<Atom>(equations.flatMap((e) => e.outputs));
    const loads = [...new Set([...equations.flatMap((e) => e.inputs), ...stores.map((s) => s.sumOf ?? s.atom)].filter((a) => !isLiteral(a) && !made.has(a)))];
    const register = new Map<Atom, number>(loads.map((a, i) => [a, i]));
    const instructions: bigint[][] = [];
    const push = (...instruction: bigint[]) => loads.length + instructions.push(instruction) - 1;
    const literal = (value: number | bigint | boolean, dtype: DType) => push(BigInt(OPCODES.CONST), BigInt(DTYPES[dtype].onnx), literalBits(value, dtype), 0n, 0n);
    const operand = (a: Atom) => { if (!register.has(a)) register.set(a, literal((a as Literal).value, a.aval.dtype)); return register.get(a)!; };
    for (const { primitive, inputs: atoms, params, outputs: [out] } of equations) {
      if (!primitive.opcode) { register.set(out, operand(atoms[0])); continue; }
      const types = { inputs: atoms.map((a) => a.aval), outputs: [out.aval] };
      const operands = [...atoms.map(operand), ...(primitive.constants ?? []).map((c) => literal(c, out.aval.dtype)), -1, -1, -1].slice(0, 3);
      register.set(out, push(BigInt(OPCODES[primitive.opcode(params, types)]), BigInt(DTYPES[out.aval.dtype].onnx), ...operands.map(BigInt)));
    }
    const encoded = stores.flatMap(({ atom, inPlace, sumOf, sum }) => {
      if (sumOf) return [register.get(sumOf)!, sum!, outputs.push(atom) - 1];
      const r = operand(atom);
      return inPlace ? [r, 1, inputIndex(inPlace)] : [r, 0, outputs.push(atom) - 1];
    });
    program.push(
      -1n, BigInt(loads.length), ...loads.map((a) => BigInt(outputs.includes(a) ? -1 - outputs.indexOf(a) : inputIndex(a))),
      BigInt(instructions.length), ...instructions.flat(), BigInt(stores.length), ...encoded.map(BigInt),
    );
  }
  barrier.forEach(inputIndex);
  return { inputs, outputs, program };
}
