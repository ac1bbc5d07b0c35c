/** Small models for the tests of the addon, and tensors to feed them. */
import { create, toBinary } from '@bufbuild/protobuf';
import { AttributeProto_AttributeType, ModelProtoSchema } from 'onnx-buf';

import type { NativeTensor } from '../../lib/runtime/addon.js';
import { DTYPES, type DType } from '../../lib/runtime/dtypes.js';

export interface ValueSpec { name: string; dtype: DType; shape: readonly (number | string)[] | null }
export interface NodeSpec { op: string; inputs: string[]; outputs: string[]; attributes?: Record<string, number>; domain?: string }

const value = ({ name, dtype, shape }: ValueSpec) => ({
  name,
  type: {
    value: {
      case: 'tensorType' as const,
      value: {
        elemType: DTYPES[dtype].onnx,
        shape: shape === null ? undefined : {
          dim: shape.map((d) => ({ value: typeof d === 'number' ? { case: 'dimValue' as const, value: BigInt(d) } : { case: 'dimParam' as const, value: d } })),
        },
      },
    },
  },
});

/** The bytes of a model. */
export function model(inputs: ValueSpec[], outputs: ValueSpec[], nodes: NodeSpec[]): Uint8Array {
  return toBinary(ModelProtoSchema, create(ModelProtoSchema, {
    irVersion: 10n,
    opsetImport: [{ domain: '', version: 21n }, { domain: 'com.microsoft', version: 1n }],
    graph: {
      name: 'test',
      input: inputs.map(value),
      output: outputs.map(value),
      node: nodes.map(({ op, inputs: input, outputs: output, attributes = {}, domain = '' }) => ({
        opType: op, domain, input, output,
        attribute: Object.entries(attributes).map(([name, i]) => ({ name, type: AttributeProto_AttributeType.INT, i: BigInt(i) })),
      })),
    },
  }));
}

/** `z = x op y` of one dtype and shape. */
export function binary(op: string, dtype: DType = 'float32', shape: (number | string)[] = [2]): Uint8Array {
  const of = (name: string): ValueSpec => ({ name, dtype, shape });
  return model([of('x'), of('y')], [of('z')], [{ op, inputs: ['x', 'y'], outputs: ['z'] }]);
}

/** A model that takes about as many milliseconds as it has rounds: large matrix products, one after the other. */
export function slow(rounds: number, size = 256): Uint8Array {
  const of = (name: string): ValueSpec => ({ name, dtype: 'float32', shape: [size, size] });
  const nodes = Array.from({ length: rounds }, (_, i): NodeSpec => ({
    op: 'MatMul', inputs: [i === 0 ? 'x' : `t${i - 1}`, 'w'], outputs: [i === rounds - 1 ? 'y' : `t${i}`],
  }));
  return model([of('x'), of('w')], [of('y')], nodes);
}

/** Count inputs and as many outputs, each its input negated. */
export function wide(count: number, size: number): Uint8Array {
  const of = (name: string): ValueSpec => ({ name, dtype: 'float32', shape: [size] });
  const indices = Array.from({ length: count }, (_, i) => i);
  return model(indices.map((i) => of(`x${i}`)), indices.map((i) => of(`y${i}`)), indices.map((i) => ({ op: 'Neg', inputs: [`x${i}`], outputs: [`y${i}`] })));
}

export const f32 = (values: number[], shape: number[] = [values.length]): NativeTensor => ({ dtype: 'float32', shape, data: new Float32Array(values).buffer });
export const floats = (tensor: NativeTensor): number[] => [...new Float32Array(tensor.data as ArrayBuffer)];
export const square = (size: number): NativeTensor => ({ dtype: 'float32', shape: [size, size], data: new ArrayBuffer(size * size * 4) });
