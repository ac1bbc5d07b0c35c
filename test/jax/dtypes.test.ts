import { expect } from 'chai';
import { config, fromBytes, grad, jit, lax, nn, numpy as jnp, type Array, type DType } from '../../lib/jax/index.js';
import { DTYPES } from '../../lib/runtime/dtypes.js';
import { expectAllClose, flat, leavesOf, onEveryEngine, thrown } from './helpers.js';

const ALL = Object.keys(DTYPES) as DType[];
const isFloat = (d: DType): boolean => d.includes('float');
const isInt = (d: DType): boolean => d.includes('int');
const ofDType = (dtype: DType, ...values: number[]): Array => jnp.array(values, { dtype: 'float32' }).astype(dtype);
const int = (...xs: number[]): Array => jnp.array(Int32Array.from(xs));

/** Data movement, by what the float32 result is: small whole numbers survive every dtype (as 0 and 1 in bool). */
const MOVES: Record<string, (x: Array) => Array> = {
  reshape: (x) => jnp.reshape(x, [4, 3]), transpose: (x) => jnp.transpose(x), broadcastTo: (x) => jnp.broadcastTo(x, [2, 3, 4]), slice: (x) => lax.slice(x, [1, 0], [3, 4], [1, 2]),
  concatenate: (x) => jnp.concatenate([x, x]), pad: (x) => lax.pad(x, 1, [[1, 0, 0], [0, 2, 1]]), rev: (x) => lax.rev(x, [0, 1]), take: (x) => jnp.take(x, int(2, 0), { axis: 0, mode: 'clip' }),
  'take with fill': (x) => jnp.take(x, int(2, 0), { axis: 0 }), index: (x) => x.index(int(-1, 1), int(0, 3)), takeAlongAxis: (x) => jnp.takeAlongAxis(x, jnp.argsort(x, { axis: 0 }), { axis: 0 }),
  where: (x) => jnp.where(jnp.equal(x, 1), x, jnp.zerosLike(x)), tile: (x) => jnp.tile(x, [2, 1]), repeat: (x) => jnp.repeat(x, 2, { axis: 1 }), flip: (x) => jnp.flip(x), sort: (x) => jnp.sort(x, { axis: 0 }),
  'sort down': (x) => jnp.sort(x, { descending: true }), max: (x) => jnp.max(x, { axis: 0 }), min: (x) => jnp.min(x, { axis: [0, 1] }), argmax: (x) => jnp.argmax(x, { axis: 1 }), argmin: (x) => jnp.argmin(x), argsort: (x) => jnp.argsort(x),
  tril: (x) => jnp.tril(x), diag: (x) => jnp.diag(x.index(0)), zerosLike: (x) => jnp.onesLike(x), eq: (x) => jnp.equal(x, x), lt: (x) => jnp.less(x, jnp.flip(x)), maximum: (x) => jnp.maximum(x, jnp.flip(x)),
  any: (x) => jnp.any(x, { axis: 0 }), all: (x) => jnp.all(x, { axis: 1 }), oneHot: (x) => nn.oneHot(x, 3), 
};
const SUMS: Record<string, (x: Array) => Array> = {
  sum: (x) => jnp.sum(x, { axis: 1 }), prod: (x) => jnp.prod(x, { axis: 1 }), cumsum: (x) => jnp.cumsum(x, { axis: 0 }), add: (x) => jnp.add(x, x), mul: (x) => jnp.multiply(x, x),
  matmul: (x) => jnp.matmul(x, x.T), mod: (x) => jnp.mod(x, 2), floorDivide: (x) => jnp.floorDivide(x, 2), square: (x) => jnp.square(x), power: (x) => jnp.power(x, 2), mean: (x) => jnp.mean(jnp.where(jnp.equal(x, 2), x, x)).astype('int32'),
  sqrt: (x) => jnp.sqrt(jnp.square(x)), clip: (x) => jnp.clip(x, 1, 2), trace: (x) => jnp.trace(x), sign: (x) => jnp.sign(x), negative: (x) => jnp.negative(jnp.negative(x)), 'relu': (x) => nn.relu(x),
};

describe('dtypes', () => {
  onEveryEngine('every dtype moves, sorts, compares and sums', () => {
    const plain = jnp.array([[0, 1, 2, 1], [1, 0, 0, 2], [2, 1, 1, 0]]);
    const failed: string[] = [];
    for (const [table, dtypes] of [[MOVES, ALL], [SUMS, ALL.filter((d) => d !== 'bool')]] as const) {
      for (const [name, f] of Object.entries(table)) {
        for (const dtype of dtypes) {
          const x = plain.astype(dtype);
          try {
            const expected = f(dtype === 'bool' ? x.astype('float32') : plain);
            for (const actual of [f(x), jit(f)(x)]) expect(flat(actual)).to.deep.equal(flat(expected));
          } catch (error) { failed.push(`${name} of ${dtype}: ${(error as Error).message.split('\n')[0]}`); }
        }
      }
    }
    expect(failed).to.deep.equal([]);
  });

  onEveryEngine('conversions are those of C, and wrap', () => {
    for (const from of ALL) {
      for (const to of ALL) {
        const x = ofDType(from, 0, 1, 3, 100);
        const expected = to === 'bool' || from === 'bool' ? [0, 1, 1, 1].map((v, i) => (from === 'bool' || to === 'bool' ? v : [0, 1, 3, 100][i])) : [0, 1, 3, 100];
        expect(flat(x.astype(to)), `${from} to ${to}`).to.deep.equal(expected);
        expect(flat(jit((y: Array) => y.astype(to))(x)), `${from} to ${to} under jit`).to.deep.equal(expected);
      }
    }
    expect(flat(jnp.array([-1.7, 1.7, -0.2]).astype('int32'))).to.deep.equal([-1, 1, 0]);
    expect(flat(jnp.array(Int32Array.of(-1, 300)).astype('uint8'))).to.deep.equal([255, 44]);
    expect(flat(jnp.array(Int32Array.of(200, -129)).astype('int8'))).to.deep.equal([-56, 127]);
    expect(jnp.array(BigInt64Array.of(-1n)).astype('uint64').tolist()).to.deep.equal([2n ** 64n - 1n]);
  });

  it('small integers wrap', () => {
    expect(flat(jnp.add(jnp.array(Uint8Array.of(255)), 1))).to.deep.equal([0]);
    expect(flat(jnp.multiply(jnp.array(Int8Array.of(100)), 2))).to.deep.equal([-56]);
    expect(flat(jnp.add(jnp.array(Uint16Array.of(65535)), jnp.array(Uint16Array.of(2))))).to.deep.equal([1]);
    expect(flat(jnp.add(jnp.array(Int32Array.of(2147483647)), 1))).to.deep.equal([-2147483648]);
  });

  it('64-bit integers keep every bit', () => {
    const big = jnp.array(BigInt64Array.of(2n ** 53n + 1n, -(2n ** 62n) - 3n));
    expect(jnp.add(big, 1n).tolist()).to.deep.equal([2n ** 53n + 2n, -(2n ** 62n) - 2n]);
    expect(jnp.add(big, 1).tolist()).to.deep.equal([2n ** 53n + 2n, -(2n ** 62n) - 2n]);
    expect(jnp.add(big, 2 ** 40).tolist()).to.deep.equal([2n ** 53n + 1n + 2n ** 40n, -(2n ** 62n) - 3n + 2n ** 40n]);
    expect(jnp.max(big).item()).to.equal(2n ** 53n + 1n);
    expect(jnp.sum(big).item()).to.equal(2n ** 53n + 1n - 2n ** 62n - 3n);
    expect(jnp.sum(jnp.reshape(big, [2, 1]), { axis: 1 }).tolist()).to.deep.equal(big.tolist());
    expect(jnp.prod(jnp.array(BigInt64Array.of(2n ** 53n + 1n, 3n, -1n))).item()).to.equal(-3n * (2n ** 53n + 1n));
    expect(jnp.sum(jnp.array(Int32Array.of(2147483647, 2))).item(), 'int32 sums wrap').to.equal(-2147483647);
    expect(jnp.sort(big).tolist()).to.deep.equal([-(2n ** 62n) - 3n, 2n ** 53n + 1n]);
    expect(jnp.argmax(jnp.array(BigInt64Array.of(2n ** 60n, 2n ** 60n + 1n))).item()).to.equal(1);
    expect(jnp.equal(big, 2n ** 53n).tolist()).to.deep.equal([false, false]);
    const wide = jnp.array(BigUint64Array.of(2n ** 64n - 1n, 2n ** 63n));
    expect([jnp.max(wide).item(), jnp.min(wide).item(), jnp.argmin(wide).item(), ...(jnp.sort(wide).tolist() as bigint[])]).to.deep.equal([2n ** 64n - 1n, 2n ** 63n, 1, 2n ** 63n, 2n ** 64n - 1n]);
    expect(jnp.transpose(wide).tolist()).to.deep.equal([2n ** 64n - 1n, 2n ** 63n]);
    expect(jnp.add(wide, jnp.array(BigUint64Array.of(2n, 1n))).tolist()).to.deep.equal([1n, 2n ** 63n + 1n]);
    expect(jit((x: Array) => lax.mul(x, 3n))(big).tolist()).to.deep.equal([3n * (2n ** 53n + 1n), BigInt.asIntN(64, 3n * (-(2n ** 62n) - 3n))]);
  });

  it('promotion is JAX\'s', () => {
    const strong: [DType, DType, DType][] = [
      ['int32', 'float32', 'float32'], ['bool', 'int32', 'int32'], ['uint8', 'int8', 'int16'], ['bfloat16', 'float16', 'float32'], ['float16', 'float32', 'float32'], ['int32', 'bfloat16', 'bfloat16'],
      ['uint32', 'int32', 'int32'], ['bool', 'float32', 'float32'], ['int8', 'int32', 'int32'], ['uint8', 'float16', 'float16'], ['uint16', 'int8', 'int32'], ['uint16', 'int16', 'int32'], ['uint8', 'uint32', 'uint32'],
      ['int64', 'int32', 'int64'], ['uint32', 'int64', 'int64'], ['int64', 'float32', 'float32'], ['float64', 'float32', 'float64'], ['float64', 'bfloat16', 'float64'], ['bool', 'bool', 'bool'],
    ];
    for (const [a, b, c] of strong) {
      expect(jnp.maximum(ofDType(a, 1), ofDType(b, 1)).dtype, `${a} and ${b}`).to.equal(c);
      expect(jnp.maximum(ofDType(b, 1), ofDType(a, 1)).dtype, `${b} and ${a}`).to.equal(c);
    }
    const number = (d: DType, v: number | bigint | boolean) => jnp.add(ofDType(d, 1), v).dtype;
    for (const d of ALL) {
      expect(number(d, 1), `${d} + 1`).to.equal(d === 'bool' ? 'int32' : d);
      expect(number(d, 1.5), `${d} + 1.5`).to.equal(isFloat(d) ? d : 'float32');
      expect(number(d, true), `${d} + true`).to.equal(d);
      expect(number(d, -0), `${d} + -0`).to.equal(d === 'bool' ? 'int32' : d);
      if (isInt(d)) expect(number(d, 7n), `${d} + 7n`).to.equal(d);
    }
    expect(jnp.add(1, 2).dtype).to.equal('int32');
    expect(jnp.add(1, 2.5).dtype).to.equal('float32');
    expect(jnp.divide(1, 2).dtype).to.equal('float32');
    expect(jnp.add(jnp.multiply(2, 2.5), jnp.array([1], { dtype: 'bfloat16' })).dtype, 'numbers stay weak').to.equal('bfloat16');
    expect(jnp.add(jnp.multiply(int(1), 2.5), jnp.array([1], { dtype: 'bfloat16' })).dtype, 'so do integers with a number').to.equal('bfloat16');
    expect(jnp.add(jnp.add(ofDType('bool', 1), 1), ofDType('uint8', 1)).dtype).to.equal('uint8');
    expect(jit((x: Array, y: Array) => jnp.add(x, y))(ofDType('float16', 1), 2 as unknown as Array).dtype, 'a number given to jit is weak').to.equal('float16');
    expect(jnp.sum(ofDType('uint8', 200, 100)).dtype).to.equal('uint32');
    expect(jnp.sum(ofDType('int8', 100, 100)).item()).to.equal(200);
    expect(jnp.mean(int(1, 2)).dtype).to.equal('float32');
    expect(thrown(() => jnp.add(ofDType('uint8', 1), 2 ** 33)).message).to.match(/8589934592 does not fit uint8/);
  });

  it('a choice between numbers is weak, whatever the condition', () => {
    const which = jnp.array([true, false]);
    const half = jnp.array([0.5, 2]).astype('bfloat16');
    expect(jnp.where(which, 0.9, 1).weakType).to.equal(true);
    expect(jnp.where(which, 0.9, 1).mul(half).dtype).to.equal('bfloat16');
    expect(jit((c: Array, x: Array) => jnp.where(c, 0.9, 1).mul(x))(which, half).dtype).to.equal('bfloat16');
    expect(jnp.where(which, 1, 0).mul(jnp.ones([2], { dtype: 'uint8' })).dtype).to.equal('uint8');
    expect(jnp.where(which, 0.9, jnp.ones([])).mul(half).dtype).to.equal('float32');
  });

  it('results remember whether they are weak, cached programs included', () => {
    const f = (x: Array) => jnp.reshape(x, [1]);
    const strong = jnp.array(1);
    const weak = jit((x: Array) => x.mul(2))(3.5 as unknown as Array);
    expect(weak.weakType).to.equal(true);
    for (const g of [f, jit(f)]) {
      expect(g(strong).weakType).to.equal(false);
      expect(g(weak).weakType).to.equal(true);
      expect(g(strong).weakType).to.equal(false);
    }
    expect(weak.astype('float32').weakType).to.equal(false);
  });

  onEveryEngine('NaN, infinities and the sign of zero survive', () => {
    const x = jnp.array([NaN, Infinity, -Infinity, -0, 0]);
    for (const wrap of [<F>(f: F) => f, jit as any]) {
      expect(wrap((a: Array) => a.add(0))(x).tolist()).to.deep.equal([NaN, Infinity, -Infinity, 0, 0]);
      expect(wrap((a: Array) => a.mul(-1))(x).tolist()).to.deep.equal([NaN, -Infinity, Infinity, 0, -0]);
      expect(wrap((a: Array) => a.add(-0))(x).tolist()).to.deep.equal([NaN, Infinity, -Infinity, -0, 0]);
      expect(wrap((a: Array) => jnp.where(jnp.isnan(a), -0, a))(x).tolist()).to.deep.equal([-0, Infinity, -Infinity, -0, 0]);
      expect(wrap((a: Array) => jnp.maximum(a, 0))(x).tolist()[0]).to.be.NaN;
      expect(wrap((a: Array) => jnp.minimum(0, a))(x).tolist()[0]).to.be.NaN;
      expect(wrap((a: Array) => nn.relu(a))(x).tolist()[0]).to.be.NaN;
      expect(wrap((a: Array) => jnp.max(a))(x).item()).to.be.NaN;
      expect(wrap((a: Array) => jnp.argmax(a))(jnp.array([1, Infinity, NaN, NaN])).item()).to.equal(2);
      expect(wrap((a: Array) => jnp.sort(a))(x).tolist()[4]).to.be.NaN;
      expect(wrap((a: Array) => jnp.equal(a, a))(x).tolist()).to.deep.equal([false, true, true, true, true]);
      expect(wrap((a: Array) => lax.sign(a))(x).tolist()).to.deep.equal([NaN, 1, -1, -0, 0]);
      expect(wrap((a: Array) => jnp.diag(a).index(0))(x).tolist(), 'zeros beside infinities').to.deep.equal([NaN, 0, 0, 0, 0]);
    }
    // Literals that JSON cannot tell apart.
    const plus = [NaN, Infinity, -Infinity, 0].map((v) => flat(jit((a: Array) => jnp.where(jnp.greater(a, 0), v, a))(jnp.array([1])))[0]);
    expect(plus).to.deep.equal([NaN, Infinity, -Infinity, 0]);
  });

  onEveryEngine('empty arrays and scalars', () => {
    const none = jnp.zeros([0, 3]);
    const f = (a: Array) => [
      jnp.add(a, 1), jnp.sum(a), jnp.sum(a, { axis: 0 }), jnp.prod(a, { axis: 0 }), jnp.transpose(a), jnp.reshape(a, [3, 0]), jnp.concatenate([a, a]), jnp.concatenate([a, jnp.ones([1, 3])]),
      jnp.matmul(a, jnp.ones([3, 2])), jnp.matmul(a.T, a), lax.pad(a, 1, [[1, 1, 0], [0, 0, 0]]), jnp.exp(a), jnp.where(jnp.greater(a, 0), a, 1), jnp.broadcastTo(a, [2, 0, 3]), jnp.cumsum(a, { axis: 0 }), nn.softmax(a),
      a.astype('int32'), jnp.equal(a, a), jnp.max(a, { axis: 1 }), jnp.any(a), jnp.take(a, int(), { axis: 1 }), jnp.sort(a, { axis: 0 }), lax.rev(a, [0]),
    ];
    const eager = f(none);
    expect(eager.map((x) => x.shape.join()).join(' ')).to.equal('0,3  3 3 3,0 3,0 0,3 1,3 0,2 3,3 2,3 0,3 0,3 2,0,3 0,3 0,3 0,3 0,3 0  0,0 0,3 0,3');
    expectAllClose(jit(f)(none), eager, 0);
    expect(flat(eager[9])).to.deep.equal(globalThis.Array(9).fill(0));
    expect(flat(grad((a: Array) => jnp.sum(jnp.exp(a)))(none))).to.deep.equal([]);
    const s = jnp.array(2.5);
    expect(leavesOf([jnp.sum(s), jnp.max(s), jnp.transpose(s), jnp.reshape(s, []), s.add(1), jnp.broadcastTo(s, []), s.astype('int32'), jnp.prod(s), jnp.mean(s)]).map((x) => x.item())).to.deep.equal([2.5, 2.5, 2.5, 2.5, 3.5, 2.5, 2, 2.5, 2.5]);
  });

  it('arrays from typed arrays, lists and bytes', () => {
    expect(jnp.array([1, 2]).dtype).to.equal('float32');
    expect(jnp.array([[true, false]]).dtype).to.equal('bool');
    expect(jnp.array([1n, 2n]).dtype).to.equal('int64');
    expect(jnp.array([]).shape).to.deep.equal([0]);
    expect(jnp.array([[], []]).shape).to.deep.equal([2, 0]);
    expect(jnp.array(new Uint16Array(new Uint16Array([1, 2, 3]).buffer, 2, 1)).tolist(), 'a view of a part').to.deep.equal([2]);
    expect(jnp.array(Float64Array.of(1e300)).item()).to.equal(1e300);
    expect(jnp.array(new Uint8ClampedArray([300])).tolist()).to.deep.equal([255]);
    const owned = Float32Array.of(1, 2);
    const source = jnp.array(owned);
    owned[0] = 9;
    expect(source.tolist(), 'a copy').to.deep.equal([1, 2]);
    const given = Float32Array.of(3, 4);
    expect(jnp.array(given, { copy: false }).tolist()).to.deep.equal([3, 4]);
    expect(given.length, 'taken over').to.equal(0);
    expect(fromBytes('int16', [2], Int16Array.of(-5, 6)).tolist()).to.deep.equal([-5, 6]);
    expect(thrown(() => fromBytes('int16', [3], new Uint8Array(4))).message).to.match(/needs 6 bytes, but 4/);
    for (const bad of [[[1], [1, 2]], [1, [2]], [[1], 2]]) expect(thrown(() => jnp.array(bad as never)).name).to.equal('ShapeError');
    expect(thrown(() => jnp.array(['1'] as never)).name).to.equal('TypeError');
    expect(thrown(() => jnp.array(new DataView(new ArrayBuffer(4)) as never)).message).to.match(/no dtype/);
    expect(thrown(() => jnp.zeros([2], { dtype: 'float' as never })).message).to.match(/unknown dtype 'float'/);
    expect(thrown(() => jnp.zeros([-1])).name).to.equal('ShapeError');
    expect(config.engine).to.equal('onnxruntime');
  });
});
