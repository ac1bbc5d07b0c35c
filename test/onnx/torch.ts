/** The networks that `scripts/onnx/torch_models.py` exported, and what it recorded of them. */
import { join } from 'node:path';
import { fromBytes, type Array } from '../../lib/jax/index.js';
import { importModel, type ImportedModel } from '../../lib/onnx/index.js';
import { readSafetensors } from '../../lib/training/checkpoints/safetensors.js';

export const FOLDER = join(import.meta.dirname, '../../../test/onnx/torch');

interface Recorded { readonly get: (name: string) => Array; readonly names: readonly string[]; readonly inputs: Record<string, Array> }
export function recorded(name: string): Recorded {
  const arrays = new Map([...readSafetensors(join(FOLDER, `${name}.safetensors`))].map(([key, { dtype, shape, data }]) => [key, fromBytes(dtype, shape, data)]));
  const names = [...arrays.keys()];
  const inputs = Object.fromEntries(names.filter((n) => n.startsWith('input/')).map((n) => [n.slice(6), arrays.get(n)!]));
  return { get: (n) => arrays.get(n)!, names, inputs };
}
export const opened = (name: string): ImportedModel => importModel(join(FOLDER, `${name}.onnx`));
