/** What the tests of the Haiku layer share. */
import { expect } from 'chai';
import * as hk from '../../lib/index.js';
import { numpy as jnp, type Array } from '../../lib/jax/index.js';

/** Runs `f` in an `init` and returns what it returned. */
export function inInit<R>(f: () => R, seed: number | null = 0): R {
  let out!: R;
  hk.transformWithState(() => { out = f(); }).init(seed);
  return out;
}

/** The paths of the parameters that `f` makes, in the order of creation. */
export function paths(f: () => unknown): string[] {
  const [params] = hk.transformWithState(f).init(0);
  return Object.entries(params).flatMap(([module, bundle]) => Object.keys(bundle).map((name) => `${module}/${name}`));
}

/** Asserts that `f` throws an error of this class, and that its message matches. */
export function refused(f: () => unknown, name: string, message: RegExp): void {
  let thrown: unknown;
  try { f(); } catch (error) { thrown = error; }
  expect(thrown, 'nothing was thrown').to.be.instanceOf(Error);
  expect((thrown as Error).message).to.match(message);
  expect((thrown as Error).name, (thrown as Error).message).to.equal(name);
}

/** The elements, row by row. */
export const numbers = (x: Array): number[] => [x.tolist()].flat(9) as number[];

/** The bits of a float32 or uint32 array, as eight hexadecimal digits each. */
export const hex = (x: Array): string[] => {
  const words = x.dtype === 'uint32' ? Uint32Array.from(numbers(x)) : new Uint32Array(Float32Array.from(numbers(x)).buffer);
  return [...words].map((word) => word.toString(16).padStart(8, '0'));
};

/** A scalar parameter `p`. */
export const parameter = (name = 'p'): Array => hk.getParameter(name, [], { init: jnp.zeros });

/** Has one parameter, called p. */
@hk.module
export class Probe extends hk.Module<() => Array> {
  override call(): Array { return parameter(); }
}

/** Calls what it was given. */
@hk.module
export class Calls extends hk.Module<() => unknown> {
  readonly f: () => unknown;
  constructor(f: () => unknown, options?: hk.ModuleOptions) {
    super(options);
    this.f = f;
  }
  override call(): unknown { return this.f(); }
}
