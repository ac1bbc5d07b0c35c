/** Small models that are valid: what mutants are made of. */
import { create } from '@bufbuild/protobuf';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { AttributeProtoSchema, FunctionProtoSchema, TensorProtoSchema, type TensorProto } from 'onnx-buf';
import { graph, model, node, port, tensor } from '../build.js';
import { FOLDER } from '../torch.js';

export interface Seed { readonly name: string; readonly bytes: Uint8Array }

const floats = (name: string, ...dims: number[]): TensorProto => tensor(name, 'float32', dims, Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => ((i * 7) % 11) / 11 - 0.4));
const ints = (name: string, ...values: number[]): TensorProto => tensor(name, 'int64', [values.length], values.map(BigInt));
const int = (name: string, value: number): TensorProto => tensor(name, 'int64', [], [BigInt(value)]);
const x = (...dims: (number | string)[]) => port('x', 'float32', dims);
const y = port('y');
const f = (value: number): { float: number } => ({ float: value });

const external = (name: string, n: number, offset: number): TensorProto => create(TensorProtoSchema, {
  name, dataType: 1, dims: [BigInt(n)], dataLocation: 1, externalData: [{ key: 'location', value: 'w.bin' }, { key: 'offset', value: String(offset) }, { key: 'length', value: String(4 * n) }],
});

const SMALL: Readonly<Record<string, () => Uint8Array>> = {
  mlp: () => model(graph([
    node('Gemm', ['x', 'fc1.weight', 'fc1.bias'], ['h'], { transB: 1 }, { name: '/fc1/Gemm' }), node('Relu', ['h'], ['r'], {}, { name: '/act/Relu' }),
    node('MatMul', ['r', 'onnx::MatMul_7'], ['m'], {}, { name: '/fc2/MatMul' }), node('Add', ['m', 'fc2.bias'], ['a']), node('Softmax', ['a'], ['y'], { axis: -1 }),
  ], [x('batch', 3)], [y], [floats('fc1.weight', 4, 3), floats('fc1.bias', 4), floats('onnx::MatMul_7', 4, 2), floats('fc2.bias', 2)])),
  vision: () => model(graph([
    node('Conv', ['x', 'conv.weight', 'conv.bias'], ['c'], { kernel_shape: [3, 3], pads: [1, 1, 1, 1], strides: [1, 1], group: 1 }, { name: '/conv/Conv' }),
    node('BatchNormalization', ['c', 'bn.scale', 'bn.bias', 'bn.mean', 'bn.var'], ['b'], { epsilon: f(1e-5) }), node('Clip', ['b', 'low', 'high'], ['k']),
    node('MaxPool', ['k'], ['p'], { kernel_shape: [2, 2], strides: [2, 2] }), node('AveragePool', ['p'], ['q'], { kernel_shape: [2, 2], pads: [0, 0, 1, 1] }),
    node('Resize', ['q', '', 'factors'], ['z'], { mode: 'nearest' }), node('GlobalAveragePool', ['z'], ['g']), node('Flatten', ['g'], ['y'], { axis: 1 }),
  ], [x(1, 2, 4, 4)], [y], [floats('conv.weight', 3, 2, 3, 3), floats('conv.bias', 3), floats('bn.scale', 3), floats('bn.bias', 3), floats('bn.mean', 3), tensor('bn.var', 'float32', [3], [1, 2, 3]), tensor('low', 'float32', [], [0]), tensor('high', 'float32', [], [6]), tensor('factors', 'float32', [4], [1, 1, 2, 2])])),
  shapes: () => model(graph([
    node('Shape', ['x'], ['s']), node('Gather', ['s', 'zero'], ['n'], { axis: 0 }), node('Unsqueeze', ['n', 'axis0'], ['n1']), node('Concat', ['n1', 'rest'], ['to'], { axis: 0 }),
    node('Reshape', ['x', 'to'], ['r']), node('Transpose', ['r'], ['t'], { perm: [1, 0] }), node('Slice', ['t', 'axis0', 'ends', 'axis0', 'steps'], ['u']), node('Expand', ['u', 'big'], ['e']),
    node('Pad', ['e', 'pads'], ['p'], { mode: 'constant' }), node('Tile', ['p', 'twice'], ['v']), node('Split', ['v'], ['w1', 'w2'], { axis: 1, num_outputs: 2 }),
    node('Range', ['zero', 'three', 'one'], ['i']), node('Cast', ['i'], ['j'], { to: 1 }), node('ConstantOfShape', ['rest'], ['o'], {}), node('ReduceSum', ['w1', 'axis1'], ['q'], { keepdims: 0 }),
    node('Squeeze', ['o'], ['o1']), node('ReduceMax', ['o1'], ['m']), node('ReduceMean', ['j'], ['d']), node('Add', ['q', 'm'], ['qm']), node('Add', ['qm', 'd'], ['y']),
  ], [x('n', 2, 2)], [y], [int('zero', 0), int('one', 1), int('three', 3), ints('axis0', 0), ints('axis1', 1), ints('rest', 4), ints('ends', 3), ints('steps', 1), ints('big', 3, 1), ints('pads', 0, 1, 0, 1), ints('twice', 1, 2)])),
  picks: () => model(graph([
    node('TopK', ['x', 'k'], ['v', 'i'], { axis: -1, largest: 1 }), node('GatherElements', ['x', 'i'], ['g'], { axis: 1 }), node('OneHot', ['i', 'depth', 'onoff'], ['h']), node('ArgMax', ['h'], ['a'], { axis: -1, keepdims: 0 }),
    node('Equal', ['a', 'i'], ['e']), node('Where', ['e', 'v', 'g'], ['w']), node('ScatterElements', ['x', 'i', 'w'], ['s'], { axis: 1 }), node('CumSum', ['s', 'axis'], ['c']), node('Trilu', ['c'], ['t']), node('Einsum', ['t', 't'], ['y'], { equation: 'ij,kj->ik' }),
  ], [x(2, 4)], [y], [ints('k', 2), int('depth', 4), tensor('onoff', 'float32', [2], [0, 1]), int('axis', 1)])),
  recurrent: () => model(graph([
    node('LSTM', ['x', 'w', 'r', 'b'], ['o', 'h', ''], { hidden_size: 2, direction: 'bidirectional' }, { name: '/rnn/LSTM' }), node('GRU', ['x', 'gw', 'gr'], ['go'], { hidden_size: 2, linear_before_reset: 1 }),
    node('Squeeze', ['go', 'axis'], ['gs']), node('Transpose', ['o'], ['ot'], { perm: [0, 2, 1, 3] }), node('Reshape', ['ot', 'to'], ['p']), node('Concat', ['p', 'gs'], ['y'], { axis: -1 }),
  ], [x(3, 1, 2)], [y], [floats('w', 2, 8, 2), floats('r', 2, 8, 2), floats('b', 2, 16), floats('gw', 1, 6, 2), floats('gr', 1, 6, 2), ints('axis', 1), ints('to', 0, 0, -1)])),
  control: () => model(graph([
    node('ReduceSum', ['x'], ['sum'], { keepdims: 0 }), node('Greater', ['sum', 'nought'], ['yes']),
    node('If', ['yes'], ['c'], { then_branch: graph([node('Mul', ['x', 'gain'], ['a'])], [], [port('a')], [floats('gain', 2)]), else_branch: graph([node('Neg', ['x'], ['b'])], [], [port('b')]) }),
    node('Loop', ['turns', '', 'c'], ['l'], { body: graph([node('Identity', ['go'], ['on']), node('Add', ['state', 'x'], ['next'])], [port('i', 'int64'), port('go', 'bool'), port('state')], [port('on'), port('next')]) }),
    node('Scan', ['l', 'x'], ['f', 'ys'], { num_scan_inputs: 1, body: graph([node('Add', ['carry', 'row'], ['more']), node('Tanh', ['more'], ['out'])], [port('carry'), port('row')], [port('more'), port('out')]) }),
    node('SequenceConstruct', ['f', 'ys'], ['seq']), node('ConcatFromSequence', ['seq'], ['y'], { axis: 0 }),
  ], [x(2)], [y], [tensor('nought', 'float32', [], [0]), int('turns', 3)])),
  functions: () => {
    const inner = create(FunctionProtoSchema, { domain: 'own', name: 'Inner', input: ['a'], output: ['b'], node: [node('LeakyRelu', ['a'], ['b'])], attribute: ['alpha'], opsetImport: [{ domain: '', version: 21n }] });
    inner.node[0].attribute.push(create(AttributeProtoSchema, { name: 'alpha', type: 1, refAttrName: 'alpha' }));
    const outer = create(FunctionProtoSchema, { domain: 'own', name: 'Outer', input: ['a'], output: ['d'], node: [node('Inner', ['a'], ['c'], { alpha: f(0.2) }, { domain: 'own' }), node('Inner', ['c'], ['d'], { alpha: f(0.1) }, { domain: 'own' })], opsetImport: [{ domain: '', version: 21n }, { domain: 'own', version: 1n }] });
    return model(graph([node('Outer', ['x'], ['h'], {}, { domain: 'own' }), node('Constant', [], ['k'], { value: floats('', 3) }), node('Mul', ['h', 'k'], ['y'])], [x('n', 3)], [y]), { functions: [inner, outer], opsetImport: [{ domain: '', version: 21n }, { domain: 'own', version: 1n }] });
  },
  fused: () => model(graph([
    node('SkipLayerNormalization', ['x', 'x', 'ln.weight', 'ln.bias'], ['n'], { epsilon: f(1e-5) }, { domain: 'com.microsoft' }), node('FusedMatMul', ['n', 'up.weight'], ['u'], { transB: 0, alpha: f(1) }, { domain: 'com.microsoft' }), node('BiasGelu', ['u', 'up.bias'], ['g'], {}, { domain: 'com.microsoft' }),
    node('Attention', ['g', 'qkv.weight', 'qkv.bias'], ['a'], { num_heads: 2 }, { domain: 'com.microsoft' }), node('LayerNormalization', ['a', 'ln2.weight'], ['y'], { axis: -1 }),
  ], [x(1, 2, 4)], [y], [floats('ln.weight', 4), floats('ln.bias', 4), floats('up.weight', 4, 4), floats('up.bias', 4), floats('qkv.weight', 4, 12), floats('qkv.bias', 12), floats('ln2.weight', 4)])),
  quantized: () => model(graph([
    node('QuantizeLinear', ['x', 'scale', 'point'], ['q']), node('DequantizeLinear', ['q', 'scale', 'point'], ['d']), node('DequantizeLinear', ['w', 'scales', ''], ['wd'], { axis: 0 }), node('MatMul', ['d', 'wd'], ['y']),
  ], [x(2, 3)], [y], [tensor('scale', 'float32', [], [0.05]), tensor('point', 'uint8', [], [128]), tensor('w', 'int8', [3, 2], [1, -2, 3, 4, -5, 6]), tensor('scales', 'float32', [3], [0.1, 0.2, 0.3])])),
  opaque: () => model(graph([node('RoiAlign', ['x', 'rois', 'which'], ['r'], { output_height: 2, output_width: 2 }), node('GridSample', ['r', 'grid'], ['g'], { mode: 'linear' }), node('DepthToSpace', ['g'], ['y'], { blocksize: 1 })], [x(1, 1, 4, 4)], [y], [tensor('rois', 'float32', [1, 4], [0, 0, 3, 3]), ints('which', 0), floats('grid', 1, 2, 2, 2)])),
  external: () => model(graph([node('Mul', ['x', 'a.weight'], ['h']), node('Add', ['h', 'b.weight'], ['y'])], [x(4)], [y], [external('a.weight', 4, 0), external('b.weight', 4, 16)])),
  /** A tensor that is left in the file. */
  large: () => model(graph([node('MatMul', ['x', 'large.weight'], ['h']), node('Add', ['h', 'large.bias'], ['y'])], [x(1, 16)], [y], [floats('large.weight', 16, 32), create(TensorProtoSchema, { name: 'large.bias', dataType: 1, dims: [32n], floatData: Array.from({ length: 32 }, (_, i) => i) })])),
};

/** All seeds: the small ones several times over, since they are quicker. */
export function seeds(): Seed[] {
  const small = Object.entries(SMALL).map(([name, make]) => ({ name, bytes: make() }));
  const torch = readdirSync(FOLDER).filter((name) => name.endsWith('.onnx')).sort().map((name) => ({ name, bytes: new Uint8Array(readFileSync(join(FOLDER, name))) }));
  return [...Array.from({ length: 12 }, () => small).flat(), ...torch];
}
