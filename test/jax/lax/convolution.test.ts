import { expect } from 'chai';
import { grad, jit, lax, makeJaxpr, numpy as jnp, type Array } from '../../../lib/jax/index.js';
import { aval } from '../../../lib/jax/array.js';
import { trace } from '../../../lib/jax/core.js';
import { symbolicDim } from '../../../lib/jax/dims.js';
import { expectClose, flat, numbers, onEveryEngine, thrown } from '../helpers.js';

const NHWC = ['NHWC', 'HWIO', 'NHWC'] as const;

describe('lax convolutions', () => {
  it('layouts name axes', () => {
    expect(lax.convDimensionNumbers([1, 2, 3, 4], [1, 2, 3, 4], ['NHWC', 'HWIO', 'CNWH'])).to.deep.equal({ lhsSpec: [0, 3, 1, 2], rhsSpec: [3, 2, 0, 1], outSpec: [1, 0, 3, 2] });
    expect(lax.padtypeToPads([5, 4], [3, 4], [2, 1], 'SAME_LOWER')).to.deep.equal([[1, 1], [2, 1]]);
  });

  onEveryEngine('integers wrap, or are added up in a wider type', () => {
    const x = jnp.arange(6, { dtype: 'int8' }).reshape([1, 1, 6]);
    const w = jnp.full([1, 1, 2], 100, { dtype: 'int8' });
    expect(flat(lax.conv(x, w, [1], 'VALID'))).to.deep.equal([100, 44, -12, -68, -124]);
    const wide = lax.conv(x, w, [1], 'VALID', { preferredElementType: 'int32' });
    expect([wide.dtype, ...flat(wide)]).to.deep.equal(['int32', 100, 300, 500, 700, 900]);
  });

  onEveryEngine('large inputs: every way to compute agrees with float64', () => {
    for (const [x, w, s, g] of [[[2, 9, 9, 4], [3, 3, 4, 6], 1, 1], [[2, 40, 40, 2], [3, 3, 2, 3], 1, 1], [[3, 9, 9, 4], [3, 2, 1, 8], 2, 4], [[2, 5, 5, 3], [1, 1, 3, 9], 2, 1]] as const) {
      const f = (a: Array, b: Array) => lax.convGeneralDilated(a, b, [s, s], 'SAME', { dimensionNumbers: NHWC, featureGroupCount: g });
      const loss = (a: Array, b: Array) => jnp.sum(jnp.sin(f(a, b)));
      const [a, b] = [numbers(1, x), numbers(2, w)];
      const wide = [a.astype('float64'), b.astype('float64')];
      expectClose(f(a, b).astype('float64'), f(wide[0], wide[1]), 1e-5);
      const [narrow, exact] = [grad(loss, { argnums: [0, 1] })(a, b), grad(loss, { argnums: [0, 1] })(...wide)];
      narrow.forEach((v: Array, i: number) => expectClose(v.astype('float64'), exact[i], 1e-4));
    }
  });

  it('nothing to see gives zeros or nothing', () => {
    expect(lax.conv(jnp.ones([1, 1, 2]), jnp.ones([1, 1, 3]), [1], 'VALID').shape).to.deep.equal([1, 1, 0]);
    const none = lax.conv(jnp.ones([2, 0, 4]), jnp.ones([3, 0, 2]), [1], 'VALID');
    expect([none.shape, flat(jnp.sum(none))]).to.deep.equal([[2, 3, 3], [0]]);
    expect(flat(grad((w: Array) => jnp.sum(lax.conv(jnp.ones([0, 1, 4]), w, [1], 'SAME')))(jnp.ones([1, 1, 2])))).to.deep.equal([0, 0]);
  });

  onEveryEngine('gradients at the edges: inputs that no window sees, windows that see no input', () => {
    const ways = [1, 2, 3].flatMap((n) => [1, 2].flatMap((k) => [1, 2, 3].flatMap((s) => [0, 1, 2, 3].flatMap((low) => [0, 2].map((high) => ({ n, k, s, low, high }))))));
    for (const { n, k, s, low, high } of ways) {
      const count = Math.floor((n + low + high - k) / s) + 1;
      if (count < 1) continue;
      const [x, w] = [numbers(1, [1, 1, n]), numbers(2, [1, 1, k])];
      const [gx, gw] = grad((a: Array, b: Array) => jnp.sum(lax.convGeneralDilated(a, b, [s], [[low, high]])), { argnums: [0, 1] })(x, w) as [Array, Array];
      const [wantX, wantW] = [new Float32Array(n), new Float32Array(k)];
      for (let o = 0; o < count; o++) for (let j = 0; j < k; j++) {
        const i = o * s + j - low;
        if (i >= 0 && i < n) { wantX[i] += Number(w.data[j]); wantW[j] += Number(x.data[i]); }
      }
      const what = JSON.stringify({ n, k, s, low, high });
      expectClose(gx, jnp.array(wantX).reshape([1, 1, n]), 1e-6, what);
      expectClose(gw, jnp.array(wantW).reshape([1, 1, k]), 1e-6, what);
    }
  });

  it('the batch may be open', () => {
    const n = symbolicDim('batch');
    const f = (x: Array, w: Array) => lax.convGeneralDilated(x, w, [2, 2], 'SAME', { dimensionNumbers: NHWC });
    const whole = (x: Array, w: Array) => [f(x, w), ...grad((a: Array, b: Array) => jnp.sum(f(a, b)), { argnums: [0, 1] })(x, w)];
    const { jaxpr } = trace((x, w) => whole(x, w) as Array[], [aval([n, 8, 8, 3], 'float32'), aval([3, 3, 3, 4], 'float32')]);
    expect(jaxpr.outputs.map((a) => a.aval.shape.join())).to.deep.equal(['batch,4,4,4', 'batch,8,8,3', '3,3,3,4']);
    expect(trace((x) => [lax.maxPool(x, [1, 2, 2, 1], [1, 2, 2, 1], 'SAME'), grad((y: Array) => jnp.sum(lax.avgPool(y, [1, 2, 2, 1], [1, 1, 1, 1], 'SAME')))(x)], [aval([n, 5, 4, 2], 'float32')]).jaxpr.outputs.map((a) => a.aval.shape.join())).to.deep.equal(['batch,3,2,2', 'batch,5,4,2']);
  });

  it('a window of one element is a product', () => {
    const { jaxpr } = makeJaxpr((x: Array, w: Array) => lax.convGeneralDilated(x, w, [1, 1], 'SAME', { dimensionNumbers: NHWC }))(jnp.ones([2, 3, 3, 4]), jnp.ones([1, 1, 4, 5]));
    expect(jaxpr.equations.map((e) => e.primitive.name)).to.deep.equal(['reshape', 'dot_general']);
  });

  it('says what does not fit', () => {
    const x = jnp.ones([1, 3, 5]);
    const refused: [() => unknown, RegExp][] = [
      [() => lax.conv(x, jnp.ones([2, 2, 3]), [1], 'SAME'), /f32\[1,3,5\].*3 channels.*f32\[2,2,3\].*takes 2/],
      [() => lax.conv(x, jnp.ones([2, 3]), [1], 'SAME'), /3 axes and the kernel 2/],
      [() => lax.conv(x, jnp.ones([2, 3, 3]), [1, 1], 'SAME'), /windowStrides must be 1 whole numbers/],
      [() => lax.conv(x, jnp.ones([2, 3, 3]), [1], 'FULL'), /unknown padding 'FULL'/],
      [() => lax.convGeneralDilated(x, jnp.ones([2, 3, 3]), [1], 'SAME', { lhsDilation: [2] }), /lhsDilation.*pairs/],
      [() => lax.convGeneralDilated(x, jnp.ones([2, 3, 3]), [1], [[0, 1]], { dimensionNumbers: ['NCW', 'OIW', 'NCX'] }), /'NCX' must name each of N, C, W/],
      [() => lax.convGeneralDilated(x, jnp.ones([4, 1, 3]), [1], 'SAME', { featureGroupCount: 3 }), /4 features.*3 groups/],
      [() => lax.conv(x.astype('float64'), jnp.ones([2, 3, 3]), [1], 'SAME'), /float64 and float32/],
      [() => lax.convTranspose(x, jnp.ones([2, 3, 3]), [1], 'SAME_LOWER'), /unknown padding 'SAME_LOWER'/],
      [() => jit((y: Array) => lax.convGeneralDilated(y, jnp.ones([4, 3, 2]), [1], 'SAME', { batchGroupCount: 3 }))(x), /4 features.*3 parts/],
    ];
    for (const [f, pattern] of refused) expect(thrown(f).message, String(f)).to.match(pattern);
  });
});
