/** Einstein's summation: parsed, ordered so that the fewest multiplications are done, and made of products and sums. */
import { checkOptions } from '../../runtime/options.js';
import { ShapeError, TypeError, ValueError } from '../../runtime/errors.js';
import { NDArray } from '../array.js';
import { dims, formatShape, isSymbolic } from '../dims.js';
import { checkDType, type DType } from '../dtypes.js';
import { mul } from '../primitives/arithmetic.js';
import { convertElementType } from '../primitives/convert.js';
import { dotGeneral } from '../primitives/dot.js';
import { asArray, type Operand } from '../primitives/primitive.js';
import { reduceSum, reshape, transpose } from '../primitives/shape.js';
import { diagonal } from './products.js';
import { promoteOperands } from './promotion.js';

export interface EinsumOptions { optimize?: boolean | string | readonly unknown[]; precision?: unknown; preferredElementType?: DType }
/** An array with a label for each axis; ellipses have become labels too. */
interface Term { readonly x: NDArray; readonly labels: string }

const unique = (s: string): string => [...new Set(s)].join('');
const without = (s: string, other: string): string => [...s].filter((c) => !other.includes(c)).join('');
const both = (s: string, other: string): string => [...s].filter((c) => other.includes(c)).join('');

/** Labels for the axes of ellipses: letters that no one types, counted from the last axis. */
const hidden = (k: number): string => String.fromCharCode(0xe000 + k);
const label = (k: number): string => String.fromCharCode(k < 26 ? 97 + k : k < 52 ? 39 + k : 0xc0 + k);

/** The interleaved form, einsum(x, [0, 1], y, [1, 2], [0, 2]), as a string and operands. */
function interleaved(where: string, args: readonly unknown[]): { subscripts: string; operands: Operand[] } {
  const name = (list: unknown): string => {
    if (!globalThis.Array.isArray(list)) throw new TypeError(`${where}: expected a string of subscripts, or arrays and lists of axes in turn.`);
    return list.map((k: unknown) => (k === '...' ? '...' : Number.isInteger(k) && (k as number) >= 0 ? label(k as number) : fail(where, `${String(k)} is no axis label`))).join('');
  };
  const pairs = args.length >> 1;
  const terms = [...globalThis.Array(pairs).keys()].map((k) => name(args[2 * k + 1]));
  return { subscripts: terms.join() + (args.length % 2 ? `->${name(args[args.length - 1])}` : ''), operands: [...globalThis.Array(pairs).keys()].map((k) => args[2 * k] as Operand) };
}
function fail(where: string, what: string): never { throw new ValueError(`${where}: ${what}.`); }

/** Labels of operands and result, checked: 'ij,jk->ik', '...ij->...ji', 'ij,jk' with what appears once in alphabetical order. */
function parse(where: string, subscripts: string, shapes: readonly (readonly number[])[]): { inputs: string[]; output: string } {
  const text = subscripts.replaceAll(' ', '');
  const quoted = `in '${subscripts}'`;
  const [left, right, more] = text.split('->');
  if (more !== undefined || (right === undefined && /[->]/.test(text))) fail(where, `expected at most one '->' ${quoted}`);
  const parts = left.split(',');
  if (parts.length !== shapes.length) fail(where, `${parts.length} terms ${quoted} do not fit ${shapes.length} operands`);
  let widest = 0;
  const inputs = parts.map((part, k) => {
    const named = check(where, part, quoted);
    const open = shapes[k].length - named;
    if (open < 0 || (open > 0 && !part.includes('...'))) {
      throw new ShapeError(`${where}: the term '${part}' ${quoted} does not fit operand ${k} of shape ${formatShape(shapes[k])}.`);
    }
    widest = part.includes('...') ? Math.max(widest, open) : widest;
    return part.replace('...', [...globalThis.Array(open).keys()].map((i) => hidden(open - 1 - i)).join(''));
  });
  const dots = [...globalThis.Array(widest).keys()].map((i) => hidden(widest - 1 - i)).join('');
  if (right === undefined) {
    const all = inputs.join('');
    const once = [...all].filter((c) => c < hidden(0) && all.indexOf(c) === all.lastIndexOf(c)).sort().join('');
    return { inputs, output: dots + once };
  }
  check(where, right, quoted);
  const output = right.replace('...', dots);
  if (unique(output) !== output) fail(where, `a label repeats in the result '${right}' ${quoted}`);
  const unknown = without(output, inputs.join(''));
  if (unknown) fail(where, `the label '${unknown[0]}' of the result ${quoted} is in no term`);
  return { inputs, output };
}
/** How many axes a term names. */
function check(where: string, part: string, quoted: string): number {
  const named = part.replace('...', '');
  const bad = /[^\p{L}]/u.exec(named);
  if (bad) fail(where, `'${bad[0]}' ${quoted} is no label: use letters, '...', ',' and '->'`);
  return named.length;
}

/** Repeated labels take diagonals; axes of size 1 of labels that are longer elsewhere are left out. */
function prepare(where: string, x: NDArray, labels: string, sizes: Map<string, number>): Term {
  let term: Term = { x, labels };
  for (const c of unique(labels)) {
    for (let i = term.labels.indexOf(c), j = term.labels.indexOf(c, i + 1); j >= 0; i = term.labels.indexOf(c), j = term.labels.indexOf(c, i + 1)) {
      if (!dims.equal(term.x.shape[i], term.x.shape[j])) {
        throw new ShapeError(`${where}: the label '${c}' stands for axes of ${term.x.shape[i]} and ${term.x.shape[j]} elements of ${formatShape(x.shape)}.`);
      }
      term = { x: diagonal(term.x, { axis1: i, axis2: j }), labels: `${[...term.labels].filter((_, k) => k !== i && k !== j).join('')}${c}` };
    }
  }
  const kept = [...term.labels.split('').keys()].filter((i) => !dims.equal(term.x.shape[i], 1) || dims.equal(sizes.get(term.labels[i])!, 1));
  return kept.length === term.labels.length ? term : { x: reshape(term.x, kept.map((i) => term.x.shape[i])), labels: kept.map((i) => term.labels[i]).join('') };
}
function sizesOf(where: string, inputs: readonly string[], xs: readonly NDArray[]): Map<string, number> {
  const sizes = new Map<string, number>();
  inputs.forEach((labels, k) => [...labels].forEach((c, i) => {
    const [known, n] = [sizes.get(c), xs[k].shape[i]];
    if (known === undefined || dims.equal(known, 1)) sizes.set(c, n);
    else if (!dims.equal(n, 1) && !dims.equal(n, known)) {
      throw new ShapeError(`${where}: ${c < hidden(0) ? `the label '${c}'` : 'an axis of the ellipsis'} has size ${known} and, in operand ${k} of shape ${formatShape(xs[k].shape)}, ${n}.`);
    }
  }));
  return sizes;
}

/** The term summed over what neither the result nor others need. */
function summed({ x, labels }: Term, needed: string): Term {
  const axes = [...labels].flatMap((c, i) => (needed.includes(c) ? [] : [i]));
  return { x: reduceSum(x, axes), labels: both(labels, needed) };
}
/** The axes in another order, with size 1 for labels that the term lacks. */
function arranged({ x, labels }: Term, wanted: string): NDArray {
  const moved = transpose(x, [...both(wanted, labels)].map((c) => labels.indexOf(c)));
  let k = 0;
  return wanted.length === labels.length ? moved : reshape(moved, [...wanted].map((c) => (labels.includes(c) ? moved.shape[k++] : 1)));
}
/** Two terms multiplied and summed over the labels that `needed` lacks. */
function product(first: Term, second: Term, needed: string): Term {
  const [a, b] = [summed(first, needed + second.labels), summed(second, needed + first.labels)];
  const shared = both(a.labels, b.labels);
  const [batch, contract] = [both(shared, needed), without(shared, needed)];
  const [freeA, freeB] = [without(a.labels, shared), without(b.labels, shared)];
  // Without a sum, or as many small dot products, an elementwise product is the better one.
  if (contract === '' ? batch !== '' || freeA === '' || freeB === '' : batch !== '' && freeA === '' && freeB === '') {
    const all = a.labels.length >= b.labels.length ? a.labels + without(b.labels, a.labels) : b.labels + without(a.labels, b.labels);
    return summed({ x: mul(arranged(a, all), arranged(b, all)), labels: all }, needed);
  }
  const axes = (t: Term, s: string) => [...s].map((c) => t.labels.indexOf(c));
  return { x: dotGeneral(a.x, b.x, { contract: [axes(a, contract), axes(b, contract)], batch: [axes(a, batch), axes(b, batch)] }), labels: batch + freeA + freeB };
}

/** Which two terms to multiply next, as positions in the shrinking list (results go last): the cheapest order of all for up to nine terms. */
function order(terms: readonly string[], output: string, sizes: ReadonlyMap<string, number>): [number, number][] {
  const cost = (labels: string) => [...labels].reduce((n, c) => { const d = sizes.get(c)!; return n * (isSymbolic(d) ? 1000 : d); }, 1);
  const count = terms.length;
  const result = (set: number): string => {
    const inside = unique(terms.filter((_, i) => set & (1 << i)).join(''));
    return both(inside, output + terms.filter((_, i) => !(set & (1 << i))).join(''));
  };
  let tree: Tree;
  if (count <= 9) {
    const best = new Map<number, { cost: number; tree: Tree; labels: string }>();
    terms.forEach((t, i) => best.set(1 << i, { cost: 0, tree: i, labels: unique(t) }));
    for (let set = 1; set < 1 << count; set++) {
      if (best.has(set)) continue;
      let found: { cost: number; tree: Tree; labels: string } | null = null;
      for (let a = (set - 1) & set; a > 0; a = (a - 1) & set) {
        const b = set ^ a;
        if (a < b) continue;
        const [p, q] = [best.get(a)!, best.get(b)!];
        const total = p.cost + q.cost + cost(unique(p.labels + q.labels));
        if (!found || total < found.cost) found = { cost: total, tree: [q.tree, p.tree], labels: '' };
      }
      best.set(set, { ...found!, labels: result(set) });
    }
    tree = best.get((1 << count) - 1)!.tree;
  } else {
    // Of many terms always the pair that costs least now.
    let left: { set: number; tree: Tree }[] = terms.map((_, i) => ({ set: 1 << i, tree: i }));
    while (left.length > 1) {
      const pairs = left.flatMap((p, i) => left.slice(i + 1).map((q) => ({ p, q, cost: cost(unique(result(p.set) + result(q.set))) })));
      const { p, q } = pairs.reduce((x, y) => (y.cost < x.cost ? y : x));
      left = [...left.filter((t) => t !== p && t !== q), { set: p.set | q.set, tree: [p.tree, q.tree] }];
    }
    tree = left[0].tree;
  }
  const list: (number | object)[] = [...terms.keys()];
  const path: [number, number][] = [];
  const walk = (t: Tree): number | object => {
    if (typeof t === 'number') return t;
    const [p, q] = [walk(t[0]), walk(t[1])];
    const [i, j] = [list.indexOf(p), list.indexOf(q)].sort((a, b) => a - b);
    path.push([i, j]);
    list.splice(j, 1);
    list.splice(i, 1);
    list.push(t);
    return t;
  };
  walk(tree);
  return path;
}
type Tree = number | readonly [Tree, Tree];

function read(where: string, subscripts: unknown, rest: readonly unknown[]): { inputs: string[]; output: string; terms: NDArray[]; sizes: Map<string, number>; options: EinsumOptions } {
  const last = rest[rest.length - 1];
  const has = typeof last === 'object' && last !== null && !(last instanceof NDArray) && !globalThis.Array.isArray(last);
  const options = checkOptions(where, has ? (last as EinsumOptions) : undefined, ['optimize', 'precision', 'preferredElementType']);
  const args = has ? rest.slice(0, -1) : rest;
  const { subscripts: text, operands } = typeof subscripts === 'string' ? { subscripts, operands: args as Operand[] } : interleaved(where, [subscripts, ...args]);
  if (operands.length === 0) fail(where, 'expected at least one operand, got none');
  const to = options.preferredElementType;
  const terms = to ? operands.map((x) => convertElementType(asArray(x, where), checkDType(to, where))) : promoteOperands(where, ...operands);
  const { inputs, output } = parse(where, text, terms.map((x) => x.shape));
  return { inputs, output, terms, sizes: sizesOf(where, inputs, terms), options };
}

/**
 * Einstein's summation, with every string that NumPy knows: `einsum('ij,jk->ik', x, y)`, repeated labels (diagonals),
 * '...', the result left out, axes of size 1 that broadcast; or einsum(x, [0, 1], y, [1, 2], [0, 2]).
 */
export function einsum(subscripts: string | Operand, ...operands: (Operand | readonly (number | '...')[] | EinsumOptions)[]): NDArray {
  const { inputs, output, terms: xs, sizes } = read('jnp.einsum', subscripts, operands);
  let terms = xs.map((x, k) => prepare('jnp.einsum', x, inputs[k], sizes));
  for (const [i, j] of order(terms.map((t) => t.labels), output, sizes)) {
    const rest = terms.filter((_, k) => k !== i && k !== j);
    terms = [...rest, product(terms[i], terms[j], output + rest.map((t) => t.labels).join(''))];
  }
  const { x, labels } = summed(terms[0], output);
  return transpose(x, [...output].map((c) => labels.indexOf(c)));
}
/** The order in which `einsum` multiplies its operands, as [i, j] in the shrinking list, and a line about it. */
export function einsumPath(subscripts: string | Operand, ...operands: (Operand | readonly (number | '...')[] | EinsumOptions)[]): [[number, number][], string] {
  const { inputs, output, sizes } = read('jnp.einsumPath', subscripts, operands);
  const path = order(inputs.map(unique), output, sizes);
  return [path, `${inputs.length} operands in ${path.length} products: ${path.map(([i, j]) => `(${i}, ${j})`).join(', ')}`];
}
