/**
 * What the engine forgets about artifacts, kept in the checkpoint's properties: format and style, learning rate, the
 * optimizer, what every tensor is for, how batches and outputs are built, and which models belong to the checkpoint.
 */
import { DTYPES, type DType } from '../../runtime/dtypes.js';
import { FileFormatError } from '../../runtime/errors.js';
import type { Property } from '../checkpoint-file.js';
import type { PlainTree } from './names.js';
import type { Role, Style } from './trace.js';

/** The version of these properties. */
const FORMAT = 1;
const PREFIX = 'hokku.';
export const RATE_PROPERTY = `${PREFIX}learning_rate`;

export interface TensorRecord {
  readonly name: string;
  readonly role: Role;
  /** Module and name of a parameter; labels of other tensors. */
  readonly path: readonly string[];
  /** Its dtype in the program. The checkpoint has float32 where the engine writes it or cannot store it otherwise. */
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** A key's words as halves: outside artifacts it is uint32, without the last dimension. */
  readonly halves?: true;
}
/** An input or output; an open dimension is a text. */
export interface PortRecord { readonly name: string; readonly dtype: DType; readonly shape: readonly (number | string)[] }

export interface Manifest {
  readonly style: Style;
  /** `accumulate`: for how many gradients classic artifacts were made. */
  readonly optimizer: { readonly kind: string; readonly options: unknown; readonly accumulate?: number };
  /** Null where the rate is no plain number. */
  readonly learningRate: number | null;
  /** In the order of the graphs' inputs. */
  readonly tensors: readonly TensorRecord[];
  readonly state: PlainTree;
  readonly batch: { readonly tree: PlainTree; readonly inputs: readonly PortRecord[] };
  readonly train: { readonly aux: PlainTree; readonly outputs: readonly PortRecord[] };
  readonly evaluation: { readonly aux: PlainTree; readonly values: PlainTree; readonly outputs: readonly PortRecord[] };
  /** SHA-256 by file name. */
  readonly models: Readonly<Record<string, string>>;
}
const PARTS = ['optimizer', 'tensors', 'state', 'batch', 'train', 'evaluation', 'models'] as const;

/** Options as JSON holds them: arrays by their values, functions by a word, patterns by their text. */
const plain = (_: string, value: any): unknown =>
  (typeof value === 'function' ? 'function' : value instanceof RegExp ? String(value) : typeof value?.tolist === 'function' ? value.tolist() : typeof value === 'bigint' ? String(value) : value);

export function toProperties(manifest: Manifest): Map<string, Property> {
  const properties = new Map<string, Property>([
    [`${PREFIX}format`, { type: 'int', value: FORMAT }],
    [`${PREFIX}style`, { type: 'string', value: manifest.style }],
  ]);
  if (manifest.learningRate !== null) properties.set(RATE_PROPERTY, { type: 'float', value: manifest.learningRate });
  for (const part of PARTS) properties.set(`${PREFIX}${part}`, { type: 'string', value: JSON.stringify(manifest[part], plain) });
  return properties;
}

/** The manifest of a checkpoint; undefined where hokku did not write it. */
export function fromProperties(properties: ReadonlyMap<string, Property>, file: string): Manifest | undefined {
  const format = properties.get(`${PREFIX}format`);
  if (!format) return undefined;
  if (Number(format.value) !== FORMAT) throw new FileFormatError(`Checkpoint ${file} has properties of version ${format.value}, and this version of hokku reads version ${FORMAT}: generate the artifacts again.`);
  const text = (name: string): string => {
    const found = properties.get(`${PREFIX}${name}`);
    if (found?.type !== 'string') throw new FileFormatError(`Checkpoint ${file} lacks the property '${PREFIX}${name}': generate the artifacts again.`);
    return found.value;
  };
  const rate = properties.get(RATE_PROPERTY);
  const json = (part: string): any => {
    const value = text(part);
    try {
      return JSON.parse(value);
    } catch (cause) {
      throw new FileFormatError(`Checkpoint ${file} has the property '${PREFIX}${part}', which is no JSON: generate the artifacts again.`, { cause });
    }
  };
  const manifest = {
    style: text('style') as Style,
    learningRate: rate ? shortest(Number(rate.value)) : null,
    ...(Object.fromEntries(PARTS.map((part) => [part, json(part)])) as Omit<Manifest, 'style' | 'learningRate'>),
  };
  const damaged = damage(manifest);
  if (damaged) throw new FileFormatError(`Checkpoint ${file} has the property '${PREFIX}${damaged}' in a form that it cannot have: generate the artifacts again.`);
  return manifest;
}

/** The part of a manifest that is not what its type says, which only a damaged file can have. */
function damage({ style, optimizer, tensors, batch, train, evaluation, models }: Manifest): string | undefined {
  const list = (x: unknown, each: (item: any) => boolean): boolean => Array.isArray(x) && x.every((item) => typeof item === 'object' && item !== null && each(item));
  const typed = (x: any): boolean => typeof x.name === 'string' && x.dtype in DTYPES && Array.isArray(x.shape);
  if (style !== 'classic' && style !== 'in-graph') return 'style';
  if (typeof optimizer?.kind !== 'string' || !(Number.isInteger(optimizer.accumulate ?? 1) && (optimizer.accumulate ?? 1) >= 1)) return 'optimizer';
  if (!list(tensors, (t) => typed(t) && typeof t.role === 'string' && Array.isArray(t.path))) return 'tensors';
  if (!list(batch?.inputs, typed)) return 'batch';
  if (!list(train?.outputs, typed)) return 'train';
  if (!list(evaluation?.outputs, typed)) return 'evaluation';
  if (typeof models !== 'object' || models === null) return 'models';
  return undefined;
}

/** The shortest decimal of a float32: 0.1, not 0.10000000149011612. */
export function shortest(x: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(x.toPrecision(digits));
    if (Math.fround(short) === Math.fround(x)) return short;
  }
  return x;
}
