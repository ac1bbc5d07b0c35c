/**
 * Programs with their channels last. Convolutions have their channels first, as a primitive; what computes them reads images with
 * channels last. So values between convolutions are kept in that order, through everything that treats all axes alike, and are put
 * back where something else reads them.
 */
import { range } from '../runtime/range.js';
import { Literal, Var, type Atom, type Equation, type Jaxpr } from '../jax/core.js';
import { dims } from '../jax/dims.js';
import { producersOf } from '../jax/programs.js';
import { transposeP, reshapeP } from '../jax/primitives/shape.js';
import type { Primitive } from '../jax/primitives/primitive.js';

/** The axes of channels-first arrays in the order of channels last, and back. */
export const toLast = (rank: number): number[] => [0, ...range(rank).slice(2), 1];
export const toFirst = (rank: number): number[] => [0, rank - 1, ...range(rank).slice(1, -1)];
const lastOf = <T>(list: readonly T[]): T[] => toLast(list.length).map((p) => list[p]);
export const isImage = (a: Atom | undefined): boolean => a?.aval.shape.length === 3 || a?.aval.shape.length === 4;
export const isOrder = (e: Equation | null | undefined, order: readonly number[]): boolean => e?.primitive === transposeP && dims.equalShapes(e.params.permutation, order);

/** Parameters of what treats all axes alike, for channels last. */
const TURNED: Record<string, (params: any, rank: number) => unknown> = {
  pad: (p) => ({ ...p, config: lastOf(p.config) }),
  slice: (p) => ({ ...p, starts: lastOf(p.starts), limits: lastOf(p.limits), strides: lastOf(p.strides) }),
  concatenate: (p, rank) => ({ ...p, axis: toLast(rank).indexOf(p.axis) }),
  reduce_window_max: turnedWindows, reduce_window_sum: turnedWindows, reduce_window_max_gradient: turnedWindows,
  reduce_sum: turnedAxes, reduce_max: turnedAxes, reduce_min: turnedAxes,
};
function turnedWindows(p: Record<string, unknown[]>): unknown {
  return Object.fromEntries(Object.entries(p).map(([key, list]) => [key, lastOf(list)]));
}
function turnedAxes(p: { axes: readonly number[] }, rank: number): unknown {
  return { ...p, axes: p.axes.map((i) => toLast(rank).indexOf(i)).sort((a, b) => a - b) };
}

/** A program on its way to channels last. */
export class Layout {
  readonly equations: Equation[] = [];
  readonly #producer: ReadonlyMap<Atom, Equation>;
  readonly #last = new Map<Atom, Atom>();
  /** By rank, and value. */
  readonly #operands: Record<number, Map<Atom, Atom>> = { 3: new Map(), 4: new Map() };
  /** Values that have so far been made with channels last only. */
  readonly #owed = new Map<Atom, Equation>();

  constructor(jaxpr: Jaxpr) { this.#producer = producersOf(jaxpr); }

  made(a: Atom): Equation | undefined { return this.#producer.get(a); }

  #add(like: Equation, primitive: Primitive, params: unknown, inputs: Atom[], shape: readonly number[], type = inputs[0].aval): Var {
    const output = new Var({ ...type, shape: [...shape] });
    this.equations.push({ ...like, primitive, params, inputs, outputs: [output] });
    return output;
  }

  /** A value as it is in the program. */
  first(a: Atom): Atom {
    const owed = this.#owed.get(a);
    if (owed) {
      this.equations.push(owed);
      this.#owed.delete(a);
    }
    return a;
  }

  /** An image with its channels last. */
  last(a: Atom, like: Equation): Atom {
    const known = this.#last.get(a);
    if (known) return known;
    const made = this.#producer.get(a);
    const { shape } = a.aval;
    const turned = made?.primitive.name === 'broadcast_to' && !(made.inputs[0] instanceof Literal)
      ? this.#add(made, made.primitive, { shape: lastOf(shape) }, [this.#operand(made.inputs[0], shape.length, like)], lastOf(shape))
      : this.#add(like, transposeP, { permutation: toLast(shape.length) }, [this.first(a)], lastOf(shape));
    this.#last.set(a, turned);
    return turned;
  }

  /** What is broadcast against images of this rank. */
  #operand(a: Atom, rank: number, like: Equation): Atom {
    const { shape } = a.aval;
    if (a instanceof Literal || shape.length === 0) return this.first(a);
    if (this.#last.has(a) && shape.length === rank) return this.last(a, like);
    const known = this.#operands[rank].get(a);
    if (known) return known;
    const full = [...globalThis.Array<number>(rank - shape.length).fill(1), ...shape];
    let turned: Atom;
    if (full.filter((d) => d !== 1).length <= 1) {
      const from = lastOf(full).findIndex((d) => d !== 1);
      const line = lastOf(full).slice(from < 0 ? rank - 1 : from);
      turned = this.#add(like, reshapeP, { shape: line }, [this.first(a)], line);
    } else if (shape.length === rank) turned = this.last(a, like);
    else turned = this.#add(like, transposeP, { permutation: toLast(rank) }, [this.#add(like, reshapeP, { shape: full }, [this.first(a)], full)], lastOf(full));
    this.#operands[rank].set(a, turned);
    return turned;
  }

  /** `e` means this, whose result is its own with channels last. */
  replace(e: Equation, primitive: Primitive, params: unknown, inputs: Atom[]): void {
    const [out] = e.outputs;
    const last = this.#add(e, primitive, params, inputs, lastOf(out.aval.shape), out.aval);
    this.#last.set(out, last);
    this.#owed.set(out, { ...e, primitive: transposeP, params: { permutation: toFirst(out.aval.shape.length) }, inputs: [last], outputs: [out] });
  }

  /** What is no convolution: it goes along where it can and reads something that has its channels last. `pool` says what is ours. */
  follow(e: Equation, pool: (e: Equation) => readonly [Primitive, unknown] | null): void {
    const { primitive: { name, opcode }, params, inputs: [x], outputs: [out] } = e;
    if (isImage(out) && isOrder(e, toFirst(out.aval.shape.length))) this.#last.set(out, this.first(x));
    const whole = (a: Atom): boolean => this.#last.has(a) && dims.equalShapes(a.aval.shape, out.aval.shape);
    if (opcode && isImage(out) && e.inputs.some(whole)) return this.replace(e, e.primitive, params, e.inputs.map((a) => this.#operand(a, out.aval.shape.length, e)));
    if (Object.hasOwn(TURNED, name) && e.inputs.some((a) => this.#last.has(a))) {
      const rank = x.aval.shape.length;
      const turned = TURNED[name](params, rank);
      if (out.aval.shape.length === rank) {
        const [own, attributes] = pool(e) ?? [e.primitive, turned];
        return this.replace(e, own, attributes, e.inputs.map((a) => (a.aval.shape.length === rank ? this.last(a, e) : this.first(a))));
      }
      // The axes that stay are in the same order, unless they are channels and space.
      const { axes } = params as { axes: readonly number[] };
      if (axes.includes(1) || range(rank).slice(2).every((i) => axes.includes(i))) {
        this.equations.push({ ...e, params: turned, inputs: [this.last(x, e)] });
        return;
      }
    }
    this.equations.push({ ...e, inputs: e.inputs.map((a) => this.first(a)) });
  }
}
