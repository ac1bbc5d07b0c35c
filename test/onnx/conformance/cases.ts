/** ONNX's backend node tests as `scripts/onnx/node_cases.py` writes them. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Array } from '../../../lib/jax/index.js';
import { messages } from '../../../lib/lowering/model.js';
import { Folder } from '../../../lib/onnx/external.js';
import type { Port } from '../../../lib/onnx/graph.js';
import { readModel } from '../../../lib/onnx/model.js';
import { BytesSource } from '../../../lib/onnx/source.js';
import { readTensor } from '../../../lib/onnx/tensors.js';

/** A tensor, several of a sequence, or nothing where an optional is empty. */
export type CaseValue = Array | readonly Array[] | null;
interface StoredValue { readonly kind: 'tensor' | 'sequence' | 'none'; readonly files: readonly string[] }

export interface NodeCase {
  readonly name: string;
  readonly model: string;
  readonly rtol: number;
  readonly atol: number;
  /** The operator, where the model has but one node. */
  readonly operator: string | null;
  /** Whether it is about float32 or float64, with integers and booleans at most beside them. */
  readonly float: boolean;
  readonly inputs: readonly Port[];
  inputValues(): CaseValue[];
  outputValues(): CaseValue[];
}

const PLAIN = /^(?:float32|float64|u?int\d+|bool)$/;
function valueOf(folder: string, { kind, files }: StoredValue): CaseValue {
  const { onnx, protobuf } = messages();
  const arrays = files.map((file) => {
    const bytes = readFileSync(join(folder, file));
    return readTensor(protobuf.fromBinary(onnx.TensorProtoSchema, bytes), new BytesSource(bytes, file), new Folder(null), null).load();
  });
  return kind === 'none' ? null : kind === 'tensor' ? arrays[0] : arrays;
}

export function readCases(root: string): NodeCase[] {
  return readdirSync(root).sort().map((name): NodeCase => {
    const folder = join(root, name);
    const { rtol, atol, inputs, outputs } = JSON.parse(readFileSync(join(folder, 'case.json'), 'utf8')) as { rtol: number; atol: number; inputs: StoredValue[]; outputs: StoredValue[] };
    let [operator, float, ports]: [string | null, boolean, readonly Port[]] = [null, false, []];
    try {
      const { graph } = readModel(join(folder, 'model.onnx'));
      ports = graph.inputs;
      if (graph.nodes.length === 1) operator = (graph.nodes[0].domain ? `${graph.nodes[0].domain}.` : '') + graph.nodes[0].op;
      const types = [...graph.inputs, ...graph.outputs].map((p) => p.dtype);
      float = types.some((t) => t === 'float32' || t === 'float64') && types.every((t) => t !== null && PLAIN.test(t));
    } catch { /* what cannot be read has no operator; running it says why */ }
    return {
      name, model: join(folder, 'model.onnx'), rtol, atol, operator, float, inputs: ports,
      inputValues: () => inputs.map((v) => valueOf(folder, v)), outputValues: () => outputs.map((v) => valueOf(folder, v)),
    };
  });
}
