/** A folder of artifacts as a session finds it: whole, of one model, with the types of its inputs and outputs. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { messages } from '../../lowering/model.js';
import { sha256 } from '../../runtime/builtins.js';
import { DTYPES, type DType } from '../../runtime/dtypes.js';
import { FileFormatError } from '../../runtime/errors.js';
import { readCheckpoint, type CheckpointContents } from '../checkpoint-file.js';
import { FILES } from './write.js';
import { RATE_PROPERTY, fromProperties, shortest, type Manifest, type PortRecord, type TensorRecord } from './manifest.js';

/** One of the models: its bytes, or its path where files beside it may belong to it. */
export type ModelSource = Uint8Array | string;

export interface Folder {
  readonly models: { readonly train: ModelSource; readonly eval?: ModelSource; readonly optimizer?: ModelSource };
  /** Undefined for artifacts that others made. */
  readonly manifest?: Manifest;
  readonly ports: { readonly train: Ports; readonly eval?: Ports };
}
/** What a model declares, by name; undefined where its types are not fixed. */
export type Ports = (name: string) => PortRecord | undefined;

/** What a session keeps of a checkpoint file: the types of all tensors, and the values that the engine cannot give back. */
export interface CheckpointFacts {
  readonly tensors: readonly (TensorRecord & { readonly stored: DType })[];
  /** Bytes of the tensors that are not float32, which the engine never changes. */
  readonly fixed: Map<string, Uint8Array>;
  readonly learningRate?: number;
  readonly manifest?: Manifest;
}

function requireFile(path: string, what: string): string {
  if (!existsSync(path) || !statSync(path).isFile()) throw new FileFormatError(`There is no ${what} ${path}, without which the folder is no set of training artifacts: write one with generateArtifacts.`);
  return path;
}

export function openFolder(directory: string): { folder: Folder; facts: CheckpointFacts; checkpoint: string } {
  const paths = { train: join(directory, FILES.train), eval: join(directory, FILES.eval), optimizer: join(directory, FILES.optimizer) };
  const checkpoint = requireFile(join(directory, FILES.checkpoint), 'checkpoint');
  requireFile(paths.train, 'training model');
  const facts = readFacts(checkpoint);
  const { manifest } = facts;
  if (!manifest) {
    const has = (path: string): string | undefined => (existsSync(path) ? path : undefined);
    const models = { train: paths.train, eval: has(paths.eval), optimizer: has(paths.optimizer) };
    return { folder: { models, ports: { train: readPorts(models.train), ...(models.eval && { eval: readPorts(models.eval) }) } }, facts, checkpoint };
  }
  const bytes = (name: string): Uint8Array => {
    const content = readFileSync(requireFile(join(directory, name), 'model'));
    if (sha256(content).toString('hex') !== manifest.models[name]) {
      throw new FileFormatError(`${join(directory, name)} is not the model that ${checkpoint} was made with: generate the artifacts again, or put files of one run together.`);
    }
    return content;
  };
  const find = (...lists: (readonly PortRecord[])[]): Ports => (name) => lists.flat().find((p) => p.name === name);
  return {
    folder: {
      manifest,
      models: { train: bytes(FILES.train), eval: bytes(FILES.eval), ...(manifest.style === 'classic' && { optimizer: bytes(FILES.optimizer) }) },
      ports: { train: find(manifest.batch.inputs, manifest.train.outputs), eval: find(manifest.batch.inputs, manifest.evaluation.outputs) },
    },
    facts, checkpoint,
  };
}

/** The module and name of a parameter that others named: `block/w`, or `block.weight` as PyTorch has it. */
function splitName(name: string): [string, string] {
  const at = name.includes('/') ? name.lastIndexOf('/') : name.lastIndexOf('.');
  // Haiku's own name for what belongs to no module.
  return at > 0 ? [name.slice(0, at), name.slice(at + 1)] : ['~', name];
}

export function readFacts(path: string): CheckpointFacts {
  const contents = readCheckpoint(path);
  const manifest = fromProperties(contents.properties, path);
  const stored = [...contents.requiresGrad, ...contents.frozen];
  const fixed = new Map(stored.filter((t) => t.dtype !== 'float32').map((t) => [t.name, new Uint8Array(t.data)]));
  const rate = contents.properties.get(RATE_PROPERTY);
  const tensors = manifest ? withTypes(manifest, contents, path) : foreign(contents);
  return { tensors, fixed, ...(rate && rate.type !== 'string' && { learningRate: shortest(Number(rate.value)) }), ...(manifest && { manifest }) };
}

function foreign({ requiresGrad, frozen }: CheckpointContents): CheckpointFacts['tensors'] {
  const record = (role: 'trainable' | 'frozen') => ({ name, dtype, shape }: { name: string; dtype: DType; shape: readonly number[] }) =>
    ({ name, role, path: splitName(name), dtype, stored: dtype, shape });
  return [...requiresGrad.map(record('trainable')), ...frozen.map(record('frozen'))];
}

function withTypes(manifest: Manifest, { requiresGrad, frozen }: CheckpointContents, path: string): CheckpointFacts['tensors'] {
  const trains = new Map(requiresGrad.map((t) => [t.name, t]));
  const others = new Map(frozen.map((t) => [t.name, t]));
  return manifest.tensors.map((record) => {
    const found = (record.role === 'trainable' ? trains : others).get(record.name);
    if (!found || found.shape.join() !== record.shape.join()) throw new FileFormatError(`Checkpoint ${path} lacks the ${record.role} tensor '${record.name}' of its own description: generate the artifacts again.`);
    return { ...record, stored: found.dtype };
  });
}

/** Refuses a checkpoint that was made with other models. */
export function checkSameModel(path: string, { manifest, tensors }: CheckpointFacts, mine: CheckpointFacts): void {
  const other = (why: string) => new FileFormatError(`Checkpoint ${path} belongs to another model: ${why}; load the artifacts that it was made with.`);
  if (!manifest !== !mine.manifest) throw other(manifest ? 'it was written by hokku, and these artifacts were not' : 'it lacks the properties of these artifacts');
  const before = new Map(mine.tensors.map((t) => [t.name, t]));
  for (const t of tensors) {
    const same = before.get(t.name);
    if (!same) throw other(`it has the tensor '${t.name}'`);
    if (same.role !== t.role) throw other(`'${t.name}' is ${t.role} there and ${same.role} here`);
    if (same.stored !== t.stored || same.shape.join() !== t.shape.join()) throw other(`'${t.name}' is ${t.stored}[${t.shape.join(',')}] there and ${same.stored}[${same.shape.join(',')}] here`);
  }
  if (tensors.length !== mine.tensors.length) throw other(`it has ${tensors.length} tensors, and these artifacts have ${mine.tensors.length}`);
  const file = manifest && Object.keys(manifest.models).find((name) => manifest.models[name] !== mine.manifest!.models[name]);
  if (file) throw other(`its ${file} is a different one`);
}

const DTYPE_BY_NUMBER = new Map(Object.entries(DTYPES).map(([dtype, { onnx }]) => [onnx as number, dtype as DType]));

/** The declared inputs and outputs of a model that others made. */
function readPorts(path: string): Ports {
  const { onnx, protobuf } = messages();
  let graph;
  try {
    ({ graph } = protobuf.fromBinary(onnx.ModelProtoSchema, readFileSync(path)));
  } catch (cause) {
    throw new FileFormatError(`${path} is not an ONNX model.`, { cause });
  }
  const ports = new Map<string, PortRecord>();
  for (const { name, type } of [...(graph?.input ?? []), ...(graph?.output ?? [])]) {
    const tensor = type?.value.case === 'tensorType' ? type.value.value : undefined;
    const dtype = tensor && DTYPE_BY_NUMBER.get(tensor.elemType);
    if (!dtype || !tensor.shape) continue;
    ports.set(name, { name, dtype, shape: tensor.shape.dim.map((d, i) => (d.value.case === 'dimValue' ? Number(d.value.value) : d.value.value || `dim${i}`)) });
  }
  return (name) => ports.get(name);
}
