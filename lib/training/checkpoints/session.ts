/**
 * Training sessions in checkpoints, and ONNX Runtime's own checkpoint files: the same named arrays under the names and types
 * that the model has in hokku. (The engine keeps everything that it writes as float32, and Adam's moments by parameter.)
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConcreteArray, expectConcrete, fromBytes } from '../../jax/array.js';
import { DTYPES } from '../../runtime/dtypes.js';
import { TYPED_ARRAYS, decodeAt, encode } from '../../runtime/elements.js';
import { FileFormatError } from '../../runtime/errors.js';
import { bytesAs } from '../artifacts.js';
import { RATE_PROPERTY, fromProperties, type Manifest } from '../artifacts/manifest.js';
import { fromHalves, toHalves } from '../artifacts/trace.js';
import { readCheckpoint, writeCheckpoint, type CheckpointContents, type NamedTensor, type OptimizerGroup } from '../checkpoint-file.js';
import type { TrainingSession } from '../training-session.js';
import type { Contents } from './contents.js';
import type { Json } from './manifest.js';
import { toArray, type Named } from './named.js';

/** Adam's moments as Optax names them; ORT's AdamW counts them. The state of `optax.adam` and `adamw` is a list that begins with them. */
const MOMENTS = ['mu', 'nu'] as const;
const momentPath = (i: number, parameter: string): string => `0/${MOMENTS[i] ?? `momentum${i}`}/${parameter}`;

interface Slot { readonly part: 'params' | 'state' | 'optimizer' | 'rng' | 'step' | 'learningRate'; readonly name: string; readonly dtype: NamedTensor['dtype']; readonly halves?: boolean }

/** What each tensor of a file is, in hokku's terms; in a file that others made all are parameters. */
function slots({ requiresGrad, frozen }: CheckpointContents, manifest: Manifest | undefined): Map<string, Slot> {
  if (!manifest) return new Map([...requiresGrad, ...frozen].map(({ name, dtype }) => [name, { part: 'params', name, dtype }]));
  return new Map(manifest.tensors.map(({ name, role, path, dtype, halves = false }) => {
    const part = role === 'trainable' || role === 'frozen' ? 'params' as const : role;
    return [name, { part, name: path.join('/'), dtype, halves }];
  }));
}

function cast({ dtype, shape, data }: NamedTensor, to: NamedTensor['dtype']): ConcreteArray {
  const array = toArray({ name: '', dtype, shape, data: Uint8Array.from(data) });
  return dtype === to ? array : fromBytes(to, shape, encode(to, globalThis.Array.from({ length: data.byteLength / DTYPES[dtype].size }, (_, i) => decodeAt(dtype, new TYPED_ARRAYS[dtype](array.data.buffer), i))));
}

/** What a session has beside named arrays. The engine forgets its rate; `rngStep` is what its key is folded with. */
export interface SessionFacts { readonly style: string; readonly learningRate: number | null; readonly rngStep: number | null }
export type SessionContents = Contents & { readonly session: SessionFacts & Json };

/** The contents of ONNX Runtime's checkpoint. @param path for errors */
export function contentsOfFile(file: CheckpointContents, path: string): SessionContents {
  const manifest = fromProperties(file.properties, path);
  const known = slots(file, manifest);
  const parts = { params: new Map<string, ConcreteArray>(), state: new Map<string, ConcreteArray>(), optimizer: new Map<string, ConcreteArray>() };
  let rng: ConcreteArray | null = null;
  let step = 0;
  let rngStep: number | null = null;
  for (const tensor of [...file.requiresGrad, ...file.frozen]) {
    const slot = known.get(tensor.name);
    if (!slot) throw new FileFormatError(`Checkpoint ${path} has the tensor '${tensor.name}', which its own description does not name.`);
    if (slot.part === 'learningRate') continue;
    const stored = cast(tensor, slot.dtype);
    const array = slot.halves ? expectConcrete(fromHalves(stored), slot.name) : stored;
    if (slot.part === 'rng') rng = array;
    else if (slot.part === 'step') step = rngStep = Number(array.item());
    else parts[slot.part].set(slot.name, array);
  }
  for (const group of file.optimizerGroups) {
    step = Math.max(step, Number(group.step));
    if ([...group.states.values()].some((list) => list.length > 0)) parts.optimizer.set('0/count', fromBytes('int32', [], new Int32Array([Number(group.step)])));
    for (const [parameter, momentums] of group.states) momentums.forEach((t, i) => parts.optimizer.set(momentPath(i, parameter), toArray({ ...t, data: Uint8Array.from(t.data) })));
  }
  const rate = file.properties.get(RATE_PROPERTY);
  return {
    ...parts, rng, step, trainable: file.requiresGrad.map((t) => t.name).sort(), optimizerKind: manifest?.optimizer.kind ?? 'unknown',
    session: {
      style: manifest?.style ?? (file.optimizerGroups.length ? 'classic' : 'in-graph'),
      learningRate: rate && rate.type !== 'string' ? Number(rate.value) : null, rngStep,
    },
  };
}

/** The same file with the values of `contents`, in the types that it has. */
function fileWith(file: CheckpointContents, contents: Contents, { learningRate, rngStep }: SessionFacts, path: string): CheckpointContents {
  const known = slots(file, fromProperties(file.properties, path));
  const value = (tensor: NamedTensor): ConcreteArray | undefined => {
    const { part, name, halves } = known.get(tensor.name)!;
    if (part === 'learningRate') return learningRate === null ? undefined : fromBytes('float32', [], new Float32Array([learningRate]));
    if (part === 'step') return fromBytes('int32', [], new Int32Array([rngStep ?? contents.step]));
    const x = part === 'rng' ? contents.rng ?? undefined : contents[part].get(name);
    return x && halves ? expectConcrete(toHalves(x), name) : x;
  };
  const put = (tensor: NamedTensor): NamedTensor => { const x = value(tensor); return x ? { ...tensor, data: bytesAs(x, tensor.dtype) } : tensor; };
  const rate = file.properties.get(RATE_PROPERTY);
  return {
    requiresGrad: file.requiresGrad.map(put), frozen: file.frozen.map(put),
    optimizerGroups: file.optimizerGroups.map((group) => ({
      ...group, step: contents.optimizer.get('0/count')?.item() ?? contents.step,
      states: new Map([...group.states].map(([parameter, list]) => [parameter, list.map((t, i) => { const x = contents.optimizer.get(momentPath(i, parameter)); return x ? { ...t, data: bytesAs(x, 'float32') } : t; })])),
    })),
    properties: rate && learningRate !== null ? new Map([...file.properties, [RATE_PROPERTY, { type: 'float', value: learningRate }]]) : file.properties,
  };
}

function withTemporary<T>(f: (path: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'hokku-session-'));
  try { return f(join(folder, 'checkpoint')); } finally { rmSync(folder, { recursive: true, force: true }); }
}

/** The engine gives Adam's moments only through a file. */
const fileOf = (session: TrainingSession): CheckpointContents => withTemporary((path) => { session.saveCheckpoint(path); return readCheckpoint(path); });

/** What a session holds. */
export const contentsOfSession = (session: TrainingSession): SessionContents => contentsOfFile(fileOf(session), 'of the session');

/** Gives a session other values, all of them or, on an error, none. */
export function setSession(session: TrainingSession, contents: Contents): void {
  const facts = (contents.session ?? { style: '', learningRate: null, rngStep: null }) as SessionFacts & Json;
  const file = fileWith(fileOf(session), contents, facts, 'of the session');
  withTemporary((path) => { writeCheckpoint(path, file); session.loadCheckpoint(path); });
}

/** ONNX Runtime's checkpoint with these contents: parameters in its two lists, Adam's moments where there are some. */
export function toFile(contents: Contents): CheckpointContents {
  const trains = new Set(contents.trainable);
  const tensor = (name: string, x: ConcreteArray): NamedTensor => ({ name, dtype: x.dtype, shape: x.shape, data: bytesAs(x, x.dtype) });
  const all = [...contents.params].map(([name, x]) => tensor(name, x));
  const others = (named: Named, prefix: string): NamedTensor[] => [...named].map(([name, x]) => tensor(`${prefix}/${name}`, x));
  const states = new Map([...trains].map((parameter) => [parameter, MOMENTS.flatMap((_, i) => {
    const x = contents.optimizer.get(momentPath(i, parameter));
    return x ? [{ ...tensor(`momentum${i}`, x) }] : [];
  })]));
  const adam = [...states.values()].every((list) => list.length === MOMENTS.length);
  const group: OptimizerGroup = { name: 'group0', step: contents.optimizer.get('0/count')?.item() ?? contents.step, initialLearningRate: 1e-3, states };
  return {
    requiresGrad: all.filter((t) => trains.has(t.name)), frozen: [...all.filter((t) => !trains.has(t.name)), ...others(contents.state, 'state')],
    optimizerGroups: adam ? [group] : [], properties: new Map(),
  };
}
