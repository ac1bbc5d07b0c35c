/** Loops and branches. */
import { lax, numpy as jnp, type Array } from '../../../lib/jax/index.js';
import type { Case } from './base.js';

const decay = (w: Array) => (c: Array, x: Array): [Array, Array] => { const h = lax.tanh(jnp.add(jnp.matmul(c, w), x)); return [h, jnp.multiply(h, x)]; };

export const CONTROL_FLOW: readonly Case[] = [
  { name: 'scan', f: (c, w, xs) => lax.scan(decay(w), c, xs), shapes: [[2, 3], [3, 3], [4, 2, 3]], smooth: true },
  { name: 'scan backwards', f: (c, w, xs) => lax.scan(decay(w), c, xs, { reverse: true }), shapes: [[3], [3, 3], [4, 3]], smooth: true },
  { name: 'scan without slices', f: (c) => [lax.scan((x: Array) => [lax.sin(x), null], c, null, { length: 3 })[0]], shapes: [[3]], smooth: true },
  { name: 'scan in scan', f: (c, xs) => [lax.scan((a: Array, x: Array) => [lax.scan((b: Array, y: Array) => [jnp.multiply(jnp.add(b, y), a), null], a, x)[0], null], c, xs)[0]], shapes: [[], [2, 3]], low: 0.2, high: 0.8, smooth: true },
  { name: 'scan written out', f: (c, w, xs) => lax.scan(decay(w), c, xs, { unroll: true }), shapes: [[3], [3, 3], [2, 3]], smooth: true },
  { name: 'foriLoop', f: (x) => lax.foriLoop(0, 3, (i: Array, v: Array) => jnp.add(jnp.multiply(v, x), i.astype(x.dtype)), x), shapes: [[3]], smooth: true },
  { name: 'cond', f: (x, y) => lax.cond(jnp.greater(jnp.sum(x), 0), (a: Array, b: Array) => jnp.multiply(lax.sin(a), b), (a: Array) => lax.square(a), x, y), shapes: [[3], [3]], smooth: true },
  { name: 'switch', f: (i, x) => lax.switch(lax.floor(i).astype('int32'), [lax.sin, (v: Array) => lax.mul(v, v), (v: Array) => lax.exp(v)], x), shapes: [[], [3]], low: 0.1, high: 2.9, smooth: true },
  { name: 'cond in scan', f: (c, xs) => lax.scan((a: Array, x: Array) => { const b = lax.cond(jnp.greater(x, 0), () => lax.mul(a, x), () => lax.sub(a, x)); return [b, b]; }, c, xs), shapes: [[], [5]], low: 0.2, high: 0.9, smooth: true },
  { name: 'lax.map', f: (xs) => lax.map((x: Array) => jnp.sum(lax.square(x)), xs), shapes: [[3, 2]], smooth: true },
  { name: 'associativeScan', f: (x) => lax.associativeScan(lax.mul, x, { axis: 1 }), shapes: [[2, 5]], low: 0.5, high: 1.5, smooth: true },
  { name: 'associativeScan backwards', f: (x) => lax.associativeScan(lax.add, x, { reverse: true }), shapes: [[6]], smooth: true },
];
