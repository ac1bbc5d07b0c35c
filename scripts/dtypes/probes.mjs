/**
 * One probe an operator: operands that tell a right kernel from one that only runs, and what it must give. Integers are
 * bigints here and wrap; their values include the extremes, so that a kernel which goes through float64 is found out.
 * `ORDERED` probes ask for an order, so that uint64 cannot be held as int64.
 */
const range = (n) => [...Array(n).keys()];
const FLOATS = ['float16', 'bfloat16', 'float32', 'float64'];
const INTEGERS = ['int8', 'int16', 'int32', 'int64', 'uint8', 'uint16', 'uint32', 'uint64'];
const ALL = [...FLOATS, ...INTEGERS, 'bool'];
export const isFloat = (dtype) => FLOATS.includes(dtype);
const bitsOf = (dtype) => BigInt(dtype.match(/\d+$/)[0]);
const signed = (dtype) => dtype.startsWith('int');
export const wrap = (dtype, v) => (dtype === 'bool' ? v !== 0n : signed(dtype) ? BigInt.asIntN(Number(bitsOf(dtype)), v) : BigInt.asUintN(Number(bitsOf(dtype)), v));

/** Six values of a dtype: ordinary ones, and an integer's extremes and one that float64 cannot hold. */
function values(dtype, { positive = false } = {}) {
  if (dtype === 'bool') return [0n, 1n, 1n, 0n, 1n, 0n];
  if (isFloat(dtype)) return positive ? [0.5, 1.25, 2, 0.375, 3.5, 1] : [0.5, -1.25, 2, -0.375, 3.5, 1];
  const bits = bitsOf(dtype) - (signed(dtype) ? 1n : 0n);
  const most = (1n << bits) - 1n;
  return [3n, most, most - 1n, (1n << (bits - 1n)) + 1n, signed(dtype) && !positive ? -most - 1n : 7n, signed(dtype) && !positive ? -3n : 1n];
}
const others = (dtype) => { const v = values(dtype); return [v[2], v[1], v[3], v[0], v[5], v[4]]; };
const small = (dtype) => (dtype === 'bool' ? [1n, 0n, 1n, 1n, 0n, 1n] : isFloat(dtype) ? [1, 2, 3, 1, 2, 3] : [1n, 2n, 3n, 1n, 2n, 3n]);

const elementwise = (dtypes, operands, f, more = {}) => ({ dtypes, operands: (d) => operands(d).map((v) => ({ values: v })), expected: (_d, ...xs) => xs[0].map((_, i) => f(...xs.map((x) => x[i]))), ...more });
const unary = (dtypes, f, options = {}, more) => elementwise(dtypes, (d) => [values(d, options)], f, more);
const binary = (dtypes, f, more) => elementwise(dtypes, (d) => [values(d), others(d)], f, more);
/** A function of floats whose arguments lie between `low` and `high`. */
const float = (f, low = -2, high = 2) => elementwise(FLOATS, () => [range(6).map((i) => low + ((high - low) * (i + 0.5)) / 6)], f);
const compare = (f) => binary(ALL.filter((d) => d !== 'bool'), f, { result: () => 'bool', ordered: true });

/** Only moves data: what is expected is found by index. */
const moving = (op, from, more = {}) => ({ dtypes: ALL, operands: (d) => [{ values: values(d), shape: [2, 3] }], expected: (_d, x) => from.map((i) => x[i]), ...more });
/** Along the last axis of [2, n]. */
const LONG = 3000;
const rows = (x) => [x.slice(0, x.length / 2), x.slice(x.length / 2)];
const sumOf = (xs) => xs.reduce((a, b) => a + b);
const reduction = (f, { count = 3, ordered = false, dtypes = ALL.filter((d) => d !== 'bool'), of = values, result = (d) => d } = {}) => ({
  dtypes, ordered, result, operands: (d) => [{ values: range(2 * count).map((i) => of(d)[(i * 5) % 6]), shape: [2, count] }], integers: [1], attributes: { keepdims: 0 }, expected: (_d, x) => rows(x).map(f), shape: [2],
});
// Sums of many halves, so that one which adds up in halves is found out.
const gentle = (d) => (isFloat(d) ? [0.5, 0.25, 0.125, 0.375, 0.75, 0.625] : values(d));
const greatest = (xs) => xs.reduce((a, b) => (b > a ? b : a));
const least = (xs) => xs.reduce((a, b) => (b < a ? b : a));
const first = (xs, best) => BigInt(xs.indexOf(best(xs)));
const arg = (best) => ({ ...reduction((xs) => first(xs, best), { ordered: true, result: () => 'int64' }), integers: [], attributes: { axis: 1, keepdims: 0 } });

const K = 600;
const factor = (d, i) => (isFloat(d) ? ((i * 7) % 5) / 4 : values(d)[(i * 5) % 6]);
const product = { operands: (d) => [{ values: range(2 * K).map((i) => factor(d, i)), shape: [2, K] }, { values: range(K).map((i) => factor(d, i + 3)), shape: [K, 1] }], expected: (_d, x, y) => rows(x).map((r) => sumOf(r.map((v, i) => v * y[i]))), shape: [2, 1] };
const window = { operands: (d) => [{ values: values(d), shape: [1, 1, 2, 3] }] };
const image = (d) => ({ values: [...values(d), ...others(d)], shape: [1, 2, 2, 3] });
const kernel = (d) => ({ values: isFloat(d) ? [0.5, -1, 2, 0.25] : [1n, 2n, 3n, 1n], shape: [1, 2, 1, 2] });
const seen = (_d, x, w) => range(4).map((k) => { const [i, j] = [k >> 1, k % 2]; return sumOf(range(4).map((t) => x[(t >> 1) * 6 + i * 3 + j + (t % 2)] * w[t])); });
const exps = (x) => { const m = Math.max(...x); const e = x.map((v) => Math.exp(v - m)); return e.map((v) => v / sumOf(e)); };

/** Series of erf, in doubles. */
function erf(x) {
  let [term, total] = [x, x];
  for (let n = 1; n < 60; n++) { term *= (-x * x) / n; total += term / (2 * n + 1); }
  return (2 / Math.sqrt(Math.PI)) * total;
}
const numeric = ALL.filter((d) => d !== 'bool');
const round = (x) => { const f = Math.floor(x); return x - f === 0.5 ? f + (f % 2 === 0 ? 0 : 1) : Math.round(x); };
const pow = (x, y) => x ** y;
const scatter = (reduction, f, ordered = false) => ({
  op: 'ScatterND', ordered, dtypes: reduction === 'none' ? ALL : numeric, attributes: { reduction }, integerShape: [2, 1], integers: [2, 0],
  operands: (d) => [{ values: values(d).slice(0, 3) }, null, { values: others(d).slice(0, 2) }],
  expected: (_d, x, _i, u) => [f(x[0], u[1]), x[1], f(x[2], u[0])],
});
const at = [1, 0, 2, 1, 1, 0];

/** Right here, but wrong on other processors: seen to compare the lower 32 bits only. */
const NARROW = ['int64', 'uint64'];

export const PROBES = {
  Add: binary(numeric, (x, y) => x + y), Sub: binary(numeric, (x, y) => x - y), Mul: binary(numeric, (x, y) => x * y),
  Div: elementwise(numeric, (d) => [values(d), small(d)], (x, y) => x / y, { ordered: true }),
  Mod: elementwise(numeric, (d) => [values(d), small(d)], (x, y) => x % y, { attributes: { fmod: 1 }, ordered: true }),
  Pow: elementwise(numeric, (d) => [values(d, { positive: true }), small(d)], pow, { ordered: true }),
  Neg: unary(numeric, (x) => -x), Abs: unary(numeric, (x) => (x < 0 ? -x : x), {}, { ordered: true }), Sign: unary(numeric, (x) => (typeof x === 'bigint' ? (x > 0n ? 1n : x < 0n ? -1n : 0n) : Math.sign(x)), {}, { ordered: true }),
  Max: binary(numeric, (x, y) => (x > y ? x : y), { ordered: true, wrong: NARROW }), Min: binary(numeric, (x, y) => (x < y ? x : y), { ordered: true, wrong: NARROW }), Relu: unary(numeric, (x) => (x > 0 ? x : x - x), {}, { ordered: true }),
  Exp: float(Math.exp), Log: float(Math.log, 0.3, 3), Sqrt: float(Math.sqrt, 0, 3), Tanh: float(Math.tanh), Sigmoid: float((x) => 1 / (1 + Math.exp(-x))), Sin: float(Math.sin), Cos: float(Math.cos), Erf: float(erf),
  Floor: float(Math.floor), Ceil: float(Math.ceil), Round: float(round, -3, 3), Asin: float(Math.asin, -1, 1), Acos: float(Math.acos, -1, 1), Atan: float(Math.atan), Sinh: float(Math.sinh), Cosh: float(Math.cosh),
  Asinh: float(Math.asinh), Acosh: float(Math.acosh, 1, 3), Atanh: float(Math.atanh, -0.9, 0.9),
  IsNaN: elementwise(FLOATS, () => [[1, NaN, Infinity, 0, -1, NaN]], (x) => BigInt(Number.isNaN(x)), { result: () => 'bool' }), IsInf: elementwise(FLOATS, () => [[1, NaN, Infinity, 0, -1, -Infinity]], (x) => BigInt(Math.abs(x) === Infinity), { result: () => 'bool' }),
  Equal: binary(ALL, (x, y) => BigInt(x === y), { result: () => 'bool' }), Less: compare((x, y) => BigInt(x < y)), LessOrEqual: compare((x, y) => BigInt(x <= y)), Greater: compare((x, y) => BigInt(x > y)), GreaterOrEqual: compare((x, y) => BigInt(x >= y)),
  BitwiseAnd: binary(INTEGERS, (x, y) => x & y), BitwiseOr: binary(INTEGERS, (x, y) => x | y), BitwiseXor: binary(INTEGERS, (x, y) => x ^ y), BitwiseNot: unary(INTEGERS, (x) => ~x),
  BitShift: elementwise(INTEGERS.filter((d) => !signed(d)), (d) => [values(d), small(d)], (x, y) => x << y, { attributes: { direction: 'LEFT' }, ordered: true }),
  Where: { dtypes: ALL, operands: (d) => [{ values: [1n, 0n, 0n, 1n, 0n, 1n], dtype: 'bool' }, { values: values(d) }, { values: others(d) }], expected: (_d, p, x, y) => p.map((b, i) => (b ? x[i] : y[i])) },
  'ReduceSum 53': { ...reduction(sumOf, { count: LONG, dtypes: ['int64'], of: () => [2n ** 32n, 7n, -1n, 2n ** 31n - 1n, 3n, -(2n ** 31n)] }), op: 'ReduceSum' },
  ReduceSum: reduction(sumOf, { count: LONG, of: gentle }), ReduceProd: reduction((xs) => xs.reduce((a, b) => a * b)), ReduceMax: reduction(greatest, { ordered: true }), ReduceMin: reduction(least, { ordered: true }),
  ArgMax: arg(greatest), ArgMin: arg(least),
  CumSum: { dtypes: numeric, operands: (d) => [{ values: range(LONG).map((i) => gentle(d)[(i * 5) % 6]) }], integers: [0], integerShape: [], expected: (_d, x) => { let s = x[0] - x[0]; return x.map((v) => (s += v)); } },
  TopK: { dtypes: numeric, ordered: true, operands: (d) => [{ values: values(d) }], integers: [6], outputs: 2, expected: (_d, x) => [...x].sort((a, b) => (b > a ? 1 : b < a ? -1 : 0)) },
  Clip: { dtypes: numeric, ordered: true, operands: (d) => [{ values: values(d) }, { values: [values(d)[5]].map((v) => (v < 0 ? v : 1n && small(d)[0])), shape: [] }, { values: [values(d)[3] < small(d)[2] ? small(d)[2] : values(d)[3]], shape: [] }], expected: (_d, x, [low], [high]) => x.map((v) => (v < low ? low : v > high ? high : v)) },
  MatMul: { dtypes: numeric, ...product }, Gemm: { dtypes: numeric, ...product },
  Conv: { dtypes: numeric, operands: (d) => [image(d), kernel(d)], expected: seen, shape: [1, 1, 2, 2] },
  ConvTranspose: { dtypes: numeric, operands: (d) => [image(d), { values: kernel(d).values.slice(0, 2), shape: [2, 1, 1, 1] }], expected: (_d, x, w) => range(6).map((i) => x[i] * w[0] + x[i + 6] * w[1]), shape: [1, 1, 2, 3] },
  MaxPool: { dtypes: numeric, ordered: true, ...window, attributes: { kernel_shape: [1, 2] }, expected: (_d, x) => [0, 1, 3, 4].map((i) => greatest([x[i], x[i + 1]])), shape: [1, 1, 2, 2] },
  AveragePool: { dtypes: FLOATS, ...window, attributes: { kernel_shape: [1, 2] }, expected: (_d, x) => [0, 1, 3, 4].map((i) => (x[i] + x[i + 1]) / 2), shape: [1, 1, 2, 2] },
  Softmax: { dtypes: FLOATS, operands: (d) => [{ values: values(d) }], expected: (_d, x) => exps(x) }, LogSoftmax: { dtypes: FLOATS, operands: (d) => [{ values: values(d) }], expected: (_d, x) => exps(x).map(Math.log) },
  Transpose: moving('Transpose', [0, 3, 1, 4, 2, 5], { attributes: { perm: [1, 0] }, shape: [3, 2] }), Reshape: moving('Reshape', range(6), { integers: [3, 2], shape: [3, 2] }), Identity: moving('Identity', range(6)),
  Expand: moving('Expand', [...range(6), ...range(6)], { integers: [2, 2, 3], shape: [2, 2, 3] }), Slice: moving('Slice', [1, 2, 4, 5], { integerInputs: [[1], [3], [1], [1]], shape: [2, 2] }),
  Concat: { dtypes: ALL, operands: (d) => [{ values: values(d) }, { values: others(d) }], attributes: { axis: 0 }, expected: (_d, x, y) => [...x, ...y], shape: [12] },
  Pad: { dtypes: ALL, operands: (d) => [{ values: values(d) }, null, { values: [values(d)[2]], shape: [] }], integers: [1, 0], expected: (_d, x, _p, [v]) => [v, ...x], shape: [7] },
  Gather: { dtypes: ALL, operands: (d) => [{ values: values(d) }], integers: at, attributes: { axis: 0 }, expected: (_d, x) => at.map((i) => x[i]) },
  GatherElements: { dtypes: ALL, operands: (d) => [{ values: values(d) }], integers: at, attributes: { axis: 0 }, expected: (_d, x) => at.map((i) => x[i]) },
  'ScatterND none': scatter('none', (_x, u) => u), 'ScatterND add': scatter('add', (x, u) => x + u), 'ScatterND mul': scatter('mul', (x, u) => x * u), 'ScatterND min': scatter('min', (x, u) => (u < x ? u : x), true), 'ScatterND max': scatter('max', (x, u) => (u > x ? u : x), true),
  'ScatterElements add': { op: 'ScatterElements', dtypes: numeric, attributes: { axis: 0, reduction: 'add' }, integers: [2, 0], operands: (d) => [{ values: values(d).slice(0, 3) }, null, { values: others(d).slice(0, 2) }], expected: (_d, x, _i, u) => [x[0] + u[1], x[1], x[2] + u[0]] },
};
