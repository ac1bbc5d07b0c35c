/** Python's operators over JavaScript values and the public API's arrays. */
import type { Any, Api } from './api.js';
import { isArray } from './compare.js';

type Op = (a: Any, b: Any) => Any;

/** On two JavaScript values, as Python has them. */
const PLAIN: Record<string, Op> = {
  '+': (a, b) => a + b,
  '-': (a, b) => (b === undefined ? -a : a - b),
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
  '//': (a, b) => Math.floor(a / b),
  '%': (a, b) => a - b * Math.floor(a / b),
  '**': (a, b) => a ** b,
  '==': (a, b) => a === b,
  '!=': (a, b) => a !== b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
  '&': (a, b) => a & b,
  '|': (a, b) => a | b,
  '^': (a, b) => a ^ b,
  '~': (a) => ~a,
  '<<': (a, b) => a << b,
  '>>': (a, b) => a >> b,
};

/** The same on arrays, by jax.numpy's names. */
const NUMPY: Record<string, string> = {
  '+': 'add', '*': 'multiply', '/': 'divide', '//': 'floorDivide', '%': 'remainder', '**': 'power', '@': 'matmul',
  '==': 'equal', '!=': 'notEqual', '<': 'less', '<=': 'lessEqual', '>': 'greater', '>=': 'greaterEqual',
  '&': 'bitwiseAnd', '|': 'bitwiseOr', '^': 'bitwiseXor', '~': 'invert', '<<': 'leftShift', '>>': 'rightShift',
};

const shapeOf = (x: Any): number[] => (isArray(x) ? x.shape : []);

const OTHERS: Record<string, (...args: Any[]) => Any> = {
  startswith: (text: string, start: string) => text.startsWith(start),
  endswith: (text: string, end: string) => text.endsWith(end),
  regex_search: (text: string, pattern: string) => new RegExp(pattern).test(text),
  concat: (...parts: Any[]) => parts.map(String).join(''),
  len: (x: Any) => (isArray(x) ? x.shape[0] : Array.isArray(x) || typeof x === 'string' ? x.length : Object.keys(x).length),
  ndim: (x: Any) => shapeOf(x).length,
  size: (x: Any) => shapeOf(x).reduce((a, b) => a * b, 1),
  dim: (x: Any, axis: number) => shapeOf(x).at(axis),
  in: (a: Any, b: Any) => (typeof b === 'string' || Array.isArray(b) ? b.includes(a as never) : Object.hasOwn(b, a)),
};

/** Applies an operator to expressions; `and`, `or` and `if` evaluate only what Python would. */
export function operate(api: Api, op: string, args: Any[], go: (e: Any) => Any): Any {
  if (op === 'and') return args.slice(1).reduce((value, e) => (value ? go(e) : value), go(args[0]));
  if (op === 'or') return args.slice(1).reduce((value, e) => (value ? value : go(e)), go(args[0]));
  if (op === 'if') return go(args[0]) ? go(args[1]) : go(args[2]);
  if (op === 'not') return !go(args[0]);
  const values = args.map(go);
  if (Object.hasOwn(OTHERS, op)) return OTHERS[op](...values);
  if (values.some(isArray)) {
    const name = op === '-' ? (values.length === 1 ? 'negative' : 'subtract') : NUMPY[op];
    if (name !== undefined) return api.jax.numpy[name](...values);
  } else if (Object.hasOwn(PLAIN, op)) return PLAIN[op](values[0], values[1]);
  throw new Error(`The runner does not know the operator '${op}' on ${values.length} values.`);
}
