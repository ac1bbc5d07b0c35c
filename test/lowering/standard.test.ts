import { expect } from 'chai';
import { grad, jit, lax, nn, numpy as jnp, type Array } from '../../lib/jax/index.js';
import { standard } from './standard.js';
import { CASES, type Case } from '../jax/cases/index.js';
import { every, together } from '../jax/cases/together.js';
import { expectClose, flat, leavesOf, numbers, onEveryEngine, thrown } from '../jax/helpers.js';

/** Functions that have no standard form. */
const OWN = new Set(['atan2', 'atan2 broadcast', 'atan2 with a scalar', 'qr']);
const STANDARD = CASES.filter((c) => !c.own && !OWN.has(c.name));

function compare(cases: readonly Case[], call: (c: Case, xs: Array[]) => unknown, tolerance: number): void {
  const inputs = (c: Case) => c.shapes.map((s, i) => numbers(i + 3, s, c.low, c.high));
  const fused = together(cases, inputs, call);
  const plain = together(cases, inputs, call, (f, xs) => {
    const { outputs, domains } = standard(f, xs);
    expect(domains.filter(Boolean)).to.deep.equal([]);
    return outputs;
  });
  for (const [c, xs] of plain) xs.forEach((x, i) => expectClose(x, fused.get(c)![i], c.exact ? 0 : tolerance, c.name));
}

describe('graphs of standard operators', () => {
  onEveryEngine('give the same numbers as the fused ones', () => {
    compare(STANDARD, (c, xs) => c.f(...xs), 1e-5);
  });

  onEveryEngine('so do gradients and whole steps', () => {
    const gradient = (c: Case, xs: Array[]) => grad((...ys: Array[]) => leavesOf(c.f(...ys)).map((y) => jnp.sum(jnp.multiply(y, y))).reduce((a, b) => a.add(b)), { argnums: xs.map((_, i) => i) })(...xs);
    compare(every(STANDARD, 2), gradient, 1e-4);
    const step = (w: Array, b: Array, x: Array, y: Array): Array[] => {
      const loss = (v: Array, c: Array) => jnp.mean(jnp.negative(jnp.sum(jnp.multiply(nn.logSoftmax(jnp.matmul(x, v).add(c)), y), { axis: -1 })));
      const [gw, gb] = grad(loss, { argnums: [0, 1] })(w, b);
      return [w.sub(gw.mul(0.1)), b.sub(gb.mul(0.1)), loss(w, b)];
    };
    const args = [numbers(1, [6, 3]), numbers(2, [3]), numbers(3, [5, 6]), nn.oneHot(jnp.array(Int32Array.of(0, 1, 2, 1, 0)), 3)];
    const { outputs, domains } = standard(step, args);
    expect(domains).to.deep.equal(['']);
    jit(step as (...xs: Array[]) => Array[])(...args).forEach((x, i) => expectClose(outputs[i], x, 1e-5));
  });

  it('integers, comparisons and half floats', () => {
    const whole = jnp.array(Int32Array.of(7, -7, 3, 0));
    const table: [string, (x: Array) => Array, Array][] = [
      ['rem', (x) => lax.rem(x, 3), whole], ['mod', (x) => jnp.mod(x, 3), whole], ['floorDivide', (x) => jnp.floorDivide(x, 2), whole], ['power', (x) => jnp.power(x, 3), whole], ['ne', (x) => jnp.notEqual(x, 3), whole],
      ['and', (x) => jnp.bitwiseAnd(x, 6), whole], ['uint8 wraps', (x) => x.astype('uint8').add(250), whole], ['shift', (x) => lax.shiftLeft(x.astype('uint32'), 3), whole], ['where', (x) => jnp.where(jnp.greater(x, 0), x, 0), whole],
      ['bool', (x) => jnp.logicalAnd(jnp.greater(x, 0), jnp.less(x, 5)), whole], ['float16', (x) => x.astype('float16').mul(0.3), whole], ['bfloat16', (x) => jnp.exp(x.astype('bfloat16').mul(0.1)), whole], ['cumsum', (x) => jnp.cumsum(x), whole], ['sort', (x) => jnp.sort(x), whole],
      ['max of 64 bits', (x) => lax.max(lax.mul(x.astype('int64'), 2 ** 31), 3), whole], ['min of uint32', (x) => lax.min(x.astype('uint32'), 3), whole],
      ['sign of 64 bits', (x) => jnp.sign(lax.mul(x.astype('int64'), 2 ** 31 - 8)), whole], ['floorDivide of 64 bits', (x) => jnp.floorDivide(x.astype('uint32').astype('int64'), 65536), whole],
      ['bits of float32', (x) => lax.bitcastConvertType(x.astype('uint32'), 'float32'), jnp.array(Int32Array.of(0, 1, -1, 0x3f800001, 0x7f800000, 0x7f7fffff, 0x00800000, 0x007fffff, -2139095041))],
    ];
    for (const [name, f, x] of table) {
      const { outputs, domains } = standard(f, [x]);
      expect(domains.filter(Boolean), name).to.deep.equal([]);
      expect(flat(outputs[0]), name).to.deep.equal(flat(jit(f)(x)));
    }
  });

  it('what has no standard form is refused by name', () => {
    const refused: [() => unknown, RegExp][] = [
      [() => standard((x) => jnp.arctan2(x, x), [jnp.ones([2])]), /atan2.*file for others/], [() => standard((x) => jnp.linalg.qr(x), [jnp.ones([2, 2])]), /Qr.*file for others/],
      [() => standard((x) => lax.bitcastConvertType(x, 'int32'), [jnp.ones([2])]), /bitcastConvertType.*file for others/],
    ];
    for (const [f, pattern] of refused) expect(thrown(f).message, String(f)).to.match(pattern);
  });
});
