/**
 * Fine-tuning an ONNX model: a ResNet-18 as PyTorch exports it, with its trunk frozen and whole. `torch_finetune.py` trains the same
 * network in PyTorch. Each part has processes of its own, so that its peak memory is its own too.
 */
import { create, toBinary } from '@bufbuild/protobuf';
import { AttributeProtoSchema, AttributeProto_AttributeType as T, GraphProtoSchema, ModelProtoSchema, NodeProtoSchema, TensorProtoSchema, ValueInfoProtoSchema, type NodeProto, type TensorProto } from 'onnx-buf';
import type * as hk from 'hokku';
import { numpy as jnp, random, type Array } from 'hokku/jax';
import { importModel } from 'hokku/onnx';
import * as optax from 'hokku/optax';
import { trainStep } from 'hokku/training';
import type { Variant } from '../protocol.js';
import type { Place } from './index.js';

const [BATCH, SIZE, CLASSES] = [8, 224, 10];

/** The model's bytes: convolutions, batch norms and a head, under PyTorch's names. */
function resnet18(): Uint8Array {
  const nodes: NodeProto[] = [];
  const initializer: TensorProto[] = [];
  const weight = (name: string, dims: number[], make: () => Float32Array<ArrayBuffer>): string => {
    initializer.push(create(TensorProtoSchema, { name, dataType: 1, dims: dims.map(BigInt), rawData: new Uint8Array(make().buffer) }));
    return name;
  };
  const size = (dims: number[]): number => dims.reduce((a, b) => a * b, 1);
  const drawn = (name: string, dims: number[]): string => weight(name, dims, () => {
    const fanIn = size(dims.slice(1));
    return random.normal(random.PRNGKey(initializer.length), dims).mul(Math.sqrt(2 / fanIn)).data as Float32Array<ArrayBuffer>;
  });
  const filled = (name: string, n: number, value: number): string => weight(name, [n], () => new Float32Array(n).fill(value));
  const node = (opType: string, name: string, input: string[], attributes: Record<string, number | number[]> = {}): string => {
    const output = `${name}/${opType}_output_0`;
    const attribute = Object.entries(attributes).map(([key, v]) => create(AttributeProtoSchema, typeof v === 'number' ? { name: key, type: T.INT, i: BigInt(v) } : { name: key, type: T.INTS, ints: v.map(BigInt) }));
    nodes.push(create(NodeProtoSchema, { opType, name: `${name}/${opType}`, input, output: [output], attribute }));
    return output;
  };
  const normalised = (x: string, conv: string, norm: string, [from, to]: [number, number], kernel: number, stride: number): string => {
    const y = node('Conv', `/${conv}`, [x, drawn(`${conv}.weight`, [to, from, kernel, kernel])], { kernel_shape: [kernel, kernel], strides: [stride, stride], pads: [...globalThis.Array(4)].map(() => kernel >> 1), dilations: [1, 1], group: 1 });
    return node('BatchNormalization', `/${norm}`, [y, filled(`${norm}.weight`, to, 1), filled(`${norm}.bias`, to, 0), filled(`${norm}.running_mean`, to, 0), filled(`${norm}.running_var`, to, 1)]);
  };
  let x = node('MaxPool', '/maxpool', [node('Relu', '/relu', [normalised('image', 'conv1', 'bn1', [3, 64], 7, 2)])], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] });
  let features = 64;
  [64, 128, 256, 512].forEach((to, layer) => [0, 1].forEach((block) => {
    const name = `layer${layer + 1}.${block}`;
    const stride = layer > 0 && block === 0 ? 2 : 1;
    const inner = node('Relu', `/${name}/relu`, [normalised(x, `${name}.conv1`, `${name}.bn1`, [features, to], 3, stride)]);
    const outer = normalised(inner, `${name}.conv2`, `${name}.bn2`, [to, to], 3, 1);
    const shortcut = features === to ? x : normalised(x, `${name}.downsample.0`, `${name}.downsample.1`, [features, to], 1, stride);
    x = node('Relu', `/${name}/relu_1`, [node('Add', `/${name}`, [outer, shortcut])]);
    features = to;
  }));
  const flat = node('Flatten', '/flatten', [node('GlobalAveragePool', '/avgpool', [x])], { axis: 1 });
  const logits = node('Gemm', '/fc', [flat, drawn('fc.weight', [CLASSES, features]), filled('fc.bias', CLASSES, 0)], { transB: 1 });
  const port = (name: string, dims: (string | number)[]) => create(ValueInfoProtoSchema, { name, type: { value: { case: 'tensorType', value: { elemType: 1, shape: { dim: dims.map((d) => ({ value: typeof d === 'number' ? { case: 'dimValue' as const, value: BigInt(d) } : { case: 'dimParam' as const, value: d } })) } } } } });
  const graph = create(GraphProtoSchema, { name: 'resnet18', node: nodes, initializer, input: [port('image', ['batch', 3, SIZE, SIZE])], output: [port(logits, ['batch', CLASSES])] });
  return toBinary(ModelProtoSchema, create(ModelProtoSchema, { irVersion: 9n, opsetImport: [{ domain: '', version: 17n }], graph }));
}

export function variants({ part }: Place): Record<string, Variant> {
  const model = importModel(resnet18());
  const batch = [random.normal(random.PRNGKey(1), [BATCH, 3, SIZE, SIZE]), random.randint(random.PRNGKey(2), [BATCH], 0, CLASSES)] as const;
  const crossEntropy = (logits: Array, y: Array): Array => jnp.mean(optax.softmaxCrossEntropyWithIntegerLabels(logits, y));
  const optimizer = optax.adam(1e-3);
  const step = part === 'head only'
    ? trainStep({ optimizer, trainable: 'fc', loss: (params: hk.Params, [x, y]: typeof batch) => crossEntropy(model.apply(params, x), y) })
    : trainStep({ optimizer, loss: (params: hk.Params, [x, y]: typeof batch, { state }: { state: hk.State }) => {
      const [logits, next] = model.apply(params, x, { state, training: true });
      return [crossEntropy(logits, y), { state: next }];
    } });
  let carry: ReturnType<typeof step.init> | undefined;
  return {
    [part!]: (steps) => {
      carry ??= step.init(model.params, { state: model.state });
      for (let i = 0; i < steps; i++) [carry] = step(carry, batch);
    },
  };
}
