/** The table of operators: each is a function over arrays. */
import type { Operator, Operators } from '../call.js';
import type { Node } from '../graph.js';
import { ATTENTION } from './attention.js';
import { CONTROL } from './control.js';
import { CONV } from './conv.js';
import { ELEMENTWISE } from './elementwise.js';
import { LINEAR } from './linear.js';
import { LOSSES } from './losses.js';
import { MICROSOFT, UNOFFICIAL } from './microsoft.js';
import { NORM } from './norm.js';
import { OPAQUE, OPAQUE_MICROSOFT, OPAQUE_ML } from './opaque.js';
import { QUANTIZATION } from './quantization.js';
import { RANDOM } from './random.js';
import { RECURRENT } from './recurrent.js';
import { REDUCE } from './reduce.js';
import { RESIZE } from './resize.js';
import { SHAPE } from './shape.js';
import { SIGNAL } from './signal.js';

const families = (...all: readonly Operators[]): ReadonlyMap<string, Operator> =>
  new Map(all.flatMap((family) => Object.entries(family).map(([name, o]) => [name, typeof o === 'function' ? { run: o } : o] as const)));

const TABLE: ReadonlyMap<string, ReadonlyMap<string, Operator>> = new Map([
  ['', families(ELEMENTWISE, SHAPE, REDUCE, LINEAR, CONV, NORM, RECURRENT, CONTROL, QUANTIZATION, RESIZE, RANDOM, LOSSES, ATTENTION, SIGNAL, UNOFFICIAL, OPAQUE)],
  ['com.microsoft', families(MICROSOFT, OPAQUE_MICROSOFT)],
  ['ai.onnx.ml', families(OPAQUE_ML)],
]);

export const operatorOf = (node: Pick<Node, 'domain' | 'op'>): Operator | undefined => TABLE.get(node.domain)?.get(node.op);
export const domains = (): string[] => [...TABLE.keys()];
export const operatorNames = (domain: string): string[] => [...(TABLE.get(domain)?.keys() ?? [])].sort();
