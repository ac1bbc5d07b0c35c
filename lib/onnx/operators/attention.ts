/** Attention and positions: ONNX's own operators, and com.microsoft's. */
import { lax, nn, numpy as jnp, type Array } from '../../jax/index.js';
import { formatAval } from '../../jax/array.js';
import { dims } from '../../jax/dims.js';
import { ShapeError } from '../../runtime/errors.js';
import { layerNorm, rmsNorm } from './norm.js';
import type { Call, Operators } from '../call.js';

/** [batch, length, heads · size] to [batch, heads, length, size], and back. */
function apart(x: Array, heads: number): Array {
  if (x.ndim !== 3) throw new ShapeError(`Queries, keys and values must be of the shape [batch, length, features], but one is ${formatAval(x)}.`);
  return lax.transpose(lax.reshape(x, [x.shape[0], x.shape[1], heads, dims.div(x.shape[2], heads)]), [0, 2, 1, 3]);
}
const together = (x: Array): Array => lax.reshape(lax.transpose(x, [0, 2, 1, 3]), [x.shape[0], x.shape[2], dims.mul(x.shape[1], x.shape[3])]);
/** Every head as often as there are queries' heads for it. */
const shared = (x: Array, heads: number): Array => (x.shape[1] === heads ? x : jnp.repeat(x, heads / x.shape[1], { axis: 1 }));

const products = (q: Array, k: Array): Array => lax.dotGeneral(q, k, [[[3], [3]], [[0, 1], [0, 1]]]);
const weighted = (p: Array, v: Array): Array => lax.dotGeneral(p, v, [[[3], [2]], [[0, 1], [0, 1]]]);
const masked = (scores: Array, keep: Array): Array => lax.select(jnp.broadcastTo(keep, scores.shape), scores, jnp.full([], -Infinity, { dtype: scores.dtype }));
/** Which keys a query may see: none behind itself. `past` keys come before the first query. */
const causal = (queries: number, keys: number, past: number): Array => lax.ge(lax.add(lax.broadcastedIota('int32', [queries, keys], 0), past), lax.broadcastedIota('int32', [queries, keys], 1));

/** ONNX's Attention (version 23 on): inputs of rank 3 or 4, shared heads, a mask, and keys of earlier calls. */
function attention(c: Call): (Array | null)[] {
  const flat = c.ranked(0, 3, 4).ndim === 3;
  const split = (x: Array, name: string): Array => (flat ? apart(x, c.int(name, 1)) : x);
  const q = split(c.x(0), 'q_num_heads');
  let [k, v] = [split(c.x(1), 'kv_num_heads'), split(c.x(2), 'kv_num_heads')];
  const past = c.has(4) ? c.x(4).shape[2] : 0;
  if (c.has(4)) [k, v] = [lax.concatenate([c.x(4), k], 2), lax.concatenate([c.x(5), v], 2)];
  const [present, presentValue] = [k, v];
  const heads = q.shape[1];
  const scale = Math.sqrt(c.float('scale', 1 / Math.sqrt(q.shape[3])));
  const scores = products(lax.mul(q, scale), lax.mul(shared(k, heads), scale));
  const [queries, keys] = scores.shape.slice(2);
  const cap = c.float('softcap', 0);
  const soft = cap > 0 ? lax.mul(lax.tanh(lax.div(scores, cap)), cap) : scores;
  const lengths = c.opt(6);
  // How many keys there are before the first query: of earlier calls, or what is left of a cache, for each row by itself.
  const offset = c.has(4) ? jnp.array(BigInt(past)) : lengths ? lax.sub(lax.reshape(lengths, [lengths.size, 1, 1, 1]), queries) : jnp.array(0n);
  // Key less query: 0 is the key in the query's own place.
  const ahead = lax.sub(lax.broadcastedIota('int64', [queries, keys], 1), lax.add(lax.broadcastedIota('int64', [queries, keys], 0), offset));
  let now = soft;
  const mask = c.opt(3);
  if (mask) {
    const missing = keys - mask.shape[mask.ndim - 1];
    // A mask of fewer keys says that the others are not there.
    const wide = lax.pad(mask, mask.dtype === 'bool' ? jnp.array(false) : jnp.full([], -Infinity, { dtype: mask.dtype }), mask.shape.map((_, i): [number, number, number] => [0, i === mask.ndim - 1 ? missing : 0, 0]));
    now = wide.dtype === 'bool' ? masked(now, wide) : lax.add(now, lax.convertElementType(wide, now.dtype));
  }
  if (c.int('is_causal', 0)) now = masked(now, lax.le(ahead, 0n));
  const [left, right] = [c.int('left_window_size', -1), c.int('right_window_size', -1)];
  if (left >= 0) now = masked(now, lax.ge(ahead, BigInt(-left)));
  if (right >= 0) now = masked(now, lax.le(ahead, BigInt(right)));
  if (lengths) now = masked(now, lax.lt(lax.iota(lengths.dtype, keys), lax.reshape(lengths, [lengths.size, 1, 1, 1])));
  const dead = lax.eq(lax.reduceMax(now, [3]), jnp.full([], -Infinity, { dtype: now.dtype }));
  const raw = nn.softmax(now, { axis: -1 });
  // A query that may see nothing gets nothing.
  const p = lax.select(jnp.broadcastTo(lax.expandDims(dead, [3]), raw.shape), c.scalar(0, raw), raw);
  const y = weighted(lax.convertElementType(p, v.dtype), shared(v, heads));
  return [flat ? together(y) : y, present, presentValue, [scores, soft, now, p][c.int('qk_matmul_output_mode', 0)]];
}

/** Turns pairs of features by angles: x cos - y sin, y cos + x sin. cos and sin: [batch, length, size / 2]. x: [batch, heads, length, size]. */
function rotated(x: Array, cos: Array, sin: Array, interleaved: boolean): Array {
  const half = cos.shape[cos.ndim - 1];
  const size = x.shape[3];
  const turned = size === 2 * half ? x : lax.sliceInDim(x, 0, 2 * half, { axis: 3 });
  const [c, s] = [cos, sin].map((v) => lax.expandDims(v, [v.ndim - 2]));
  const pairs = interleaved ? lax.reshape(turned, [...turned.shape.slice(0, 3), half, 2]) : lax.reshape(turned, [...turned.shape.slice(0, 3), 2, half]);
  const axis = interleaved ? 4 : 3;
  const [a, b] = [0, 1].map((i) => lax.squeeze(lax.sliceInDim(pairs, i, i + 1, { axis }), [axis]));
  const [re, im] = [lax.sub(lax.mul(a, c), lax.mul(b, s)), lax.add(lax.mul(a, s), lax.mul(b, c))];
  const out = lax.reshape(lax.stack([re, im], { axis }), turned.shape);
  return size === 2 * half ? out : lax.concatenate([out, lax.sliceInDim(x, 2 * half, size, { axis: 3 })], 3);
}

/** ONNX's RotaryEmbedding, and com.microsoft's, whose positions come second. */
const rotary = (microsoft: boolean) => (c: Call): Array => {
  const given = c.ranked(0, 3, 4);
  const [cosTable, sinTable, positions] = microsoft ? [c.x(2), c.x(3), c.x(1)] : [c.x(1), c.x(2), c.opt(3)];
  const heads = c.int('num_heads', 0);
  const dim = c.int('rotary_embedding_dim', 0);
  const x = given.ndim === 3 ? apart(given, heads || dims.div(given.shape[2], dim || 2 * cosTable.shape[1])) : given;
  const [batch, , length] = x.shape;
  const rows = (table: Array): Array => {
    const used = dim ? lax.sliceInDim(table, 0, dim / 2, { axis: table.ndim - 1 }) : table;
    if (!positions) return used;
    // One number: where the first position lies.
    const at = positions.size === 1 && positions.ndim === 1 ? jnp.broadcastTo(lax.add(lax.reshape(positions, [1, 1]), lax.broadcastedIota(positions.dtype, [1, length], 1)), [batch, length]) : positions;
    return jnp.take(used, at, { axis: 0, mode: 'clip' });
  };
  const out = rotated(x, rows(cosTable), rows(sinTable), c.int('interleaved', 0) === 1);
  return given.ndim === 3 ? together(out) : out;
};

/** com.microsoft's Attention: one product makes queries, keys and values. */
function packedAttention(c: Call): (Array | null)[] {
  const [x, w] = [c.x(0), c.x(1)];
  const heads = c.int('num_heads', 1);
  const sizes = c.list('qkv_hidden_sizes') ?? [0, 0, 0].map(() => w.shape[1] / 3);
  const product = jnp.matmul(x, w);
  const all = c.has(2) ? lax.add(product, c.x(2)) : product;
  const [q, k0, v0] = lax.split(all, sizes, { axis: 2 }).map((part) => apart(part, heads));
  let [k, v] = [k0, v0];
  let present: Array | null = null;
  if (c.has(4)) {
    const [pk, pv] = lax.split(c.x(4), [1, 1], { axis: 0 }).map((part) => lax.squeeze(part, [0]));
    [k, v] = [lax.concatenate([pk, k], 2), lax.concatenate([pv, v], 2)];
  }
  if (c.wants(1)) present = lax.stack([k, v]);
  let scores = lax.mul(products(q, k), c.float('scale', 1 / Math.sqrt(q.shape[3])));
  const [batch, , queries, keys] = scores.shape;
  const filter = c.float('mask_filter_value', -10000);
  const mask = c.opt(3);
  if (mask) {
    let keep: Array;
    if (mask.ndim === 1) {
      // The number of keys of each row, and maybe where they begin.
      const at = lax.broadcastedIota(mask.dtype, [1, keys], 1);
      keep = lax.lt(at, lax.reshape(lax.sliceInDim(mask, 0, batch), [batch, 1]));
      if (mask.size === 2 * batch) keep = lax.bitwiseAnd(keep, lax.ge(at, lax.reshape(lax.sliceInDim(mask, batch, 2 * batch), [batch, 1])));
      keep = lax.reshape(keep, [batch, 1, 1, keys]);
    } else {
      const flags = lax.ne(mask, c.scalar(0, mask));
      keep = mask.ndim === 2 ? lax.reshape(flags, [batch, 1, 1, keys]) : mask.ndim === 3 ? lax.expandDims(flags, [1]) : flags;
    }
    scores = lax.add(scores, lax.select(keep, c.scalar(0, scores), c.scalar(filter, scores)));
  }
  if (c.has(5)) scores = lax.add(scores, c.x(5));
  if (c.int('unidirectional', 0)) scores = masked(scores, causal(queries, keys, keys - queries));
  return [together(weighted(nn.softmax(scores, { axis: -1 }), v)), present];
}

/** com.microsoft's MultiHeadAttention over queries, keys and values that are products already. */
function multiHeadAttention(c: Call): (Array | null)[] {
  const heads = c.int('num_heads', 1);
  const bias = c.opt(3);
  const width = c.x(0).shape[2];
  const part = (from: number, to: number): Array | null => bias && lax.sliceInDim(bias, from, to);
  const grown = (x: Array, b: Array | null): Array => (b ? lax.add(x, b) : x);
  if (!c.has(1) || !c.has(2)) throw c.fail('has its queries, keys and values packed, which is not supported');
  const q = apart(grown(c.x(0), part(0, width)), heads);
  let k = c.x(1).ndim === 4 ? c.x(1) : apart(grown(c.x(1), part(width, 2 * width)), heads);
  let v = c.x(2).ndim === 4 ? c.x(2) : apart(grown(c.x(2), bias && part(2 * width, bias.shape[0])), heads);
  if (c.has(6)) [k, v] = [lax.concatenate([c.x(6), k], 2), lax.concatenate([c.x(7), v], 2)];
  const size = q.shape[3];
  let scores = lax.mul(products(q, k), c.float('scale', 0) || 1 / Math.sqrt(size));
  const mask = c.opt(4);
  if (mask) {
    const flags = mask.ndim === 1 ? lax.lt(lax.broadcastedIota(mask.dtype, [1, scores.shape[3]], 1), lax.reshape(lax.sliceInDim(mask, 0, q.shape[0]), [q.shape[0], 1])) : lax.ne(mask, c.scalar(0, mask));
    const keep = flags.ndim === 2 ? lax.reshape(flags, [flags.shape[0], 1, 1, flags.shape[1]]) : flags.ndim === 3 ? lax.expandDims(flags, [1]) : flags;
    scores = lax.add(scores, lax.select(keep, c.scalar(0, scores), c.scalar(c.float('mask_filter_value', -10000), scores)));
  }
  if (c.has(5)) scores = lax.add(scores, c.x(5));
  const [queries, keys] = scores.shape.slice(2);
  if (c.int('unidirectional', 0)) scores = masked(scores, causal(queries, keys, keys - queries));
  return [together(weighted(nn.softmax(scores, { axis: -1 }), v)), k, v];
}

/** [x + skip + bias normalised, mean, inverse deviation, x + skip + bias]. */
const skipNorm = (norm: (c: Call, x: Array) => Array[], biasInput: number) => (c: Call): (Array | null)[] => {
  const sum = lax.add(c.x(0), c.x(1));
  const all = c.has(biasInput) ? lax.add(sum, c.x(biasInput)) : sum;
  const [y, mean = null, rstd = null] = norm(c, all);
  return [y, mean, rstd, all];
};

function embedLayerNorm(c: Call): (Array | null)[] {
  const ids = c.x(0);
  const [words, positions] = [c.x(2), c.x(3)];
  const length = ids.shape[1];
  const at = c.opt(8);
  const place = at ? jnp.take(positions, at, { axis: 0, mode: 'clip' }) : lax.sliceInDim(positions, 0, length);
  const plain = lax.add(jnp.take(words, ids, { axis: 0, mode: 'clip' }), place);
  const sum = c.has(4) && c.has(1) ? lax.add(plain, jnp.take(c.x(4), c.x(1), { axis: 0, mode: 'clip' })) : plain;
  const mask = c.opt(7);
  const lengths = mask ? lax.convertElementType(jnp.sum(mask, { axis: 1 }), 'int32') : jnp.zeros([ids.shape[0]], { dtype: 'int32' });
  return [layerNorm(sum, c.x(5), c.opt(6), 2, c.float('epsilon', 1e-12))[0], lengths, sum];
}

/** A state of keys times values that every step reads, forgets and writes (version 27 on). */
function linearAttention(c: Call): Array[] {
  const [heads, kvHeads] = [c.int('q_num_heads', 1), c.int('kv_num_heads', 1)];
  const rule = c.text('update_rule', 'gated_delta');
  // [length, batch, heads, size]
  const steps = (i: number, n: number): Array => { const x = c.ranked(i, 3); return lax.transpose(lax.reshape(x, [x.shape[0], x.shape[1], n, dims.div(x.shape[2], n)]), [1, 0, 2, 3]); };
  const [q, k, v] = [steps(0, heads), steps(1, kvHeads), steps(2, kvHeads)];
  const [length, batch, , size] = q.shape;
  const gated = rule.startsWith('gated');
  const delta = rule.endsWith('delta');
  const rates = delta ? steps(5, c.x(5).shape[2] === 1 ? 1 : kvHeads) : null;
  const xs = [q, k, v, ...(gated ? [lax.exp(steps(4, kvHeads))] : []), ...(rates ? [rates] : [])];
  const start = c.opt(3) ?? jnp.zeros([batch, kvHeads, size, v.shape[3]], { dtype: q.dtype });
  const read = (state: Array, key: Array): Array => lax.dotGeneral(key, state, [[[2], [2]], [[0, 1], [0, 1]]]);
  const [last, ys] = lax.scan((before: Array, [query, key, value, ...rest]: Array[]) => {
    const kept = gated ? lax.mul(before, lax.expandDims(rest[0], [3])) : before;
    const news = delta ? lax.mul(rest[rest.length - 1], lax.sub(value, read(kept, key))) : value;
    const state = lax.add(kept, lax.mul(lax.expandDims(key, [3]), lax.expandDims(news, [2])));
    return [state, read(kvHeads === heads ? state : jnp.repeat(state, heads / kvHeads, { axis: 1 }), query)];
  }, start, xs);
  const y = lax.mul(ys as Array, c.float('scale', 0) || 1 / Math.sqrt(size));
  return [lax.reshape(lax.transpose(y, [1, 0, 2, 3]), [batch, length, heads * v.shape[3]]), last as Array];
}

export const ATTENTION: Operators = { Attention: attention, RotaryEmbedding: rotary(false), LinearAttention: linearAttention };

const eps = (c: Call): number => c.float('epsilon', 1e-5);
const last = (x: Array): number => x.ndim - 1;
export const ATTENTION_MICROSOFT: Operators = {
  Attention: packedAttention, MultiHeadAttention: multiHeadAttention, RotaryEmbedding: rotary(true), EmbedLayerNormalization: embedLayerNorm,
  SkipLayerNormalization: skipNorm((c, x) => layerNorm(x, c.x(2), c.opt(3), last(x), c.float('epsilon', 1e-12)), 4),
  SkipSimplifiedLayerNormalization: skipNorm((c, x) => [rmsNorm(x, c.x(2), last(x), eps(c))], 3),
};
