/** `importModel`: a model file as a function of our arrays and a map of named parameters. */
import { isArray, type Array } from '../jax/index.js';
import { Scalar, formatAval, type NDArray } from '../jax/array.js';
import { toArrayLeaf } from '../jax/autodiff.js';
import { dims } from '../jax/dims.js';
import { isFloat, isInteger, type DType } from '../jax/dtypes.js';
import { convertElementType } from '../jax/primitives/convert.js';
import * as random from '../jax/random/index.js';
import type { Params, State } from '../haiku/types.js';
import { FileFormatError, ShapeError, TypeError, ValueError } from '../runtime/errors.js';
import { nearest } from '../runtime/nearest.js';
import { checkOptions } from '../runtime/options.js';
import { select, type Trainable } from '../training/trainable.js';
import { notDerivable, unsupportedIn } from './check.js';
import { UnsupportedOperators } from './errors.js';
import { Scope, planOf, runPlan } from './evaluate.js';
import { sizeOf, withBudget } from './budget.js';
import type { Port } from './graph.js';
import { readModel, type Model } from './model.js';
import type { Run } from './call.js';
import { nameParameters, neededTensors, scopeOf, type Parameter } from './names.js';
import type { Tensor } from './tensors.js';
import { adapted } from './lora.js';
import { Adapted, Sequence, arrayOf, type Value } from './values.js';

export interface ImportOptions {
  /** Where external tensors lie; the model's own folder where left out. For models in memory. */
  folder?: string;
  /** The tensors that are wanted, instead of the model's outputs: what they do not need is neither read nor has to be supported. */
  until?: string | readonly string[];
  /** What is going to be trained: refuses at once, all of them named, the nodes that no derivative passes. */
  trainable?: Trainable;
  /**
   * What evaluating the model may make, as a multiple of what models of its size usually do (default 1): a file from elsewhere may ask for
   * more than there is memory and time. Infinity for a model that you trust.
   */
  budget?: number;
  /** How the rounding of quantised models is derived: not at all, or as if it were not there. */
  quantization?: 'round' | 'straightThrough';
}

export interface ApplyOptions {
  /** What BatchNormalization keeps; the model's own where left out. */
  state?: State;
  /** A key: needed where Dropout or random operators draw. */
  rng?: Array | null;
  /** Dropout drops, and BatchNormalization takes the batch's own statistics and keeps their moving averages. Default false. */
  training?: boolean;
  /** Tensors to stop at: names of tensors or nodes, or paths such as `layer4/relu`. */
  until?: string | readonly string[];
}

/** An array for a model with one input, else arrays by the inputs' names; a list of arrays for a sequence. */
export type Inputs = Array | Readonly<Record<string, Array | readonly Array[] | null>>;

export interface ImportedModel {
  /**
   * The model as a function: eager, or in whatever trace is open. Gives the output, or outputs by name where there are several;
   * with `{ training: true }` a pair of that and the next state.
   */
  apply(params: Params, inputs: Inputs, options: ApplyOptions & { training: true }): [any, State];
  apply(params: Params, inputs: Inputs, options?: ApplyOptions): any;
  /** Initializers by module path and name. */
  readonly params: Params;
  /** Moving means and variances of BatchNormalization. */
  readonly state: State;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** What an imported model was made from: for `exportModel`. */
export interface Origin { readonly model: Model; readonly parameters: readonly Parameter[]; readonly statistics: readonly Parameter[] }
const origins = new WeakMap<object, Origin>();
export function originOf(imported: unknown, where: string): Origin {
  const origin = typeof imported === 'object' && imported !== null ? origins.get(imported) : undefined;
  if (!origin) throw new TypeError(`${where}: expected what importModel returned, got ${imported === null ? 'null' : typeof imported}.`);
  return origin;
}

const record = <T>(entries: Iterable<readonly [string, T]>): Record<string, T> => {
  const out = Object.create(null) as Record<string, T>;
  for (const [key, value] of entries) out[key] = value;
  return out;
};
/** A map in Haiku's shape, modules sorted. */
function mapOf(parameters: readonly Parameter[]): Params {
  const modules = new Map<string, Map<string, Array>>();
  for (const p of parameters) {
    if (!modules.has(p.module)) modules.set(p.module, new Map());
    modules.get(p.module)!.set(p.name, p.tensor.load());
  }
  const sorted = <T>(m: Map<string, T>) => [...m].sort(([a], [b]) => (a < b ? -1 : 1));
  return record(sorted(modules).map(([module, bundle]) => [module, record(sorted(bundle))] as const));
}

/** Every name that a value can be asked for by: its own, its node's, and the path of the module whose last node makes it. */
function namesOf({ graph }: Model): Map<string, string> {
  const names = new Map<string, string>();
  for (const n of graph.nodes) {
    const out = n.outputs.find(Boolean);
    if (out !== undefined && n.name) { names.set(scopeOf(n), out); names.set(n.name.replace(/^\//, ''), out); }
  }
  for (const n of graph.nodes) { const out = n.outputs.find(Boolean); if (out !== undefined && n.name) names.set(n.name, out); }
  for (const name of [...graph.inputs.map((p) => p.name), ...graph.constants.keys(), ...graph.nodes.flatMap((n) => n.outputs)]) if (name) names.set(name, name);
  return names;
}

/** A map by modules, whatever it holds. */
export function checkMap(map: unknown, where: string): void {
  if (typeof map !== 'object' || map === null || isArray(map) || globalThis.Array.isArray(map)) throw new TypeError(`${where} must be a map of modules, { module: { name: array } }, got ${map === null ? 'null' : isArray(map) ? formatAval(map as NDArray) : globalThis.Array.isArray(map) ? 'a list' : typeof map}.`);
}

/** What a map holds under two names; a sentence with the nearest module where it is missing. */
function lookUp(map: Params | State, { module, name, tensor }: Parameter, where: string): Array {
  const bundle = Object.hasOwn(map, module) ? map[module] : undefined;
  const value = bundle && Object.hasOwn(bundle, name) ? (bundle as Record<string, unknown>)[name] : undefined;
  if (value === undefined) {
    const near = nearest(`${module}/${name}`, Object.entries(map).flatMap(([m, b]) => Object.keys(b).map((n) => `${m}/${n}`)));
    throw new ValueError(`apply: ${where} lacks '${module}', '${name}'${near ? `; the nearest that it has is '${near}'` : ''}.`);
  }
  if (!isArray(value)) throw new TypeError(`apply: '${module}', '${name}' of ${where} must be an array, got ${typeof value}.`);
  if (!dims.equalShapes(value.shape, tensor.shape)) throw new ShapeError(`apply: '${module}', '${name}' of ${where} must be ${formatAval({ dtype: tensor.dtype!, shape: tensor.shape })}, got ${formatAval(value)}.`);
  return value;
}

function inputArray(port: Port, given: unknown): Value {
  if (port.dtype === 'sequence' || port.dtype === 'optional') return sequenceOf(port, given);
  const x = toArrayLeaf(given, `apply: the input '${port.name}'`);
  const wanted = port.dtype as DType;
  const fits = x.dtype === wanted || x instanceof Scalar || (isFloat(x.dtype) && isFloat(wanted)) || (isInteger(x.dtype) && isInteger(wanted));
  if (port.dtype !== null && !fits) throw new TypeError(`apply: the input '${port.name}' is ${wanted}, but ${formatAval(x)} was given; convert it with astype.`);
  const shape = port.shape;
  if (shape && (shape.length !== x.ndim || shape.some((d, i) => typeof d === 'number' && typeof x.shape[i] === 'number' && d !== x.shape[i]))) {
    throw new ShapeError(`apply: the input '${port.name}' is ${wanted}[${shape.map((d) => d ?? '?').join()}], but ${formatAval(x)} was given.`);
  }
  // Floats may be of another type, and the model then computes in it; of integers only the values count.
  return x instanceof Scalar || (isInteger(x.dtype) && x.dtype !== wanted) ? convertElementType(x, wanted, false) : x;
}

interface Bound { readonly declared: Port['dtype']; readonly x: Value }

function listOf(x: string | readonly string[], where: string): readonly string[] {
  const list = typeof x === 'string' ? [x] : x;
  if (!globalThis.Array.isArray(list) || list.length === 0 || list.some((name) => typeof name !== 'string')) throw new TypeError(`${where} must be the name of a tensor or a node, or a list of such names, got ${x === null ? 'null' : globalThis.Array.isArray(x) && x.length === 0 ? 'an empty list' : typeof x}.`);
  return list;
}
const APPLY_OPTIONS = ['state', 'rng', 'training', 'until'] as const;

/**
 * Opens an ONNX model: what `apply` computes is what ONNX Runtime does, with derivatives.
 *
 * @example
 * const model = importModel('resnet18.onnx');
 * const features = model.apply(model.params, image, { until: 'avgpool' });
 *
 * @param from the path of a file (large tensors are read from it one by one), or its bytes
 * @throws FileFormatError where it is no model, or damaged; UnsupportedOperators with every node that cannot be imported
 */
export function importModel(from: string | Uint8Array, options?: ImportOptions): ImportedModel {
  const { folder, until, trainable, budget = 1, quantization = 'round' } = checkOptions('importModel', options, ['folder', 'until', 'trainable', 'budget', 'quantization']);
  if (typeof budget !== 'number' || !(budget > 0)) throw new ValueError(`importModel: budget must be a number above 0, or Infinity, got ${String(budget)}.`);
  if (quantization !== 'round' && quantization !== 'straightThrough') throw new ValueError(`importModel: quantization must be 'round' or 'straightThrough', got '${String(quantization)}'.`);
  const model = readModel(from, folder);
  const { graph } = model;
  const names = namesOf(model);
  const resolve = (wanted: readonly string[], where: string): string[] => wanted.map((name) => {
    const tensor = names.get(name);
    if (tensor === undefined) throw new ValueError(`${where}: ${model.source.name} has no tensor or node '${name}'; the nearest is '${nearest(name, names.keys())}'.`);
    return tensor;
  });
  const ends = until === undefined ? graph.outputs.map((o) => o.name) : resolve(listOf(until, 'importModel: until'), 'importModel: until');
  const whole = planOf(graph, ends);
  const refused = unsupportedIn(whole.map((s) => s.node));
  if (refused.length) throw new UnsupportedOperators(`${model.source.name} has ${refused.length === 1 ? 'a node' : `${refused.length} nodes`} that cannot be imported`, refused);

  const needs = (plan: ReturnType<typeof planOf>, wanted: readonly string[]): { names: Set<string>; tensors: Set<Tensor> } => {
    const names = new Set([...plan.flatMap(({ node }) => [...node.inputs, ...node.captures]), ...wanted]);
    return { names, tensors: neededTensors(graph, plan.map(({ node }) => node), names) };
  };
  const all = needs(whole, ends);
  const named = nameParameters(graph);
  const [parameters, statistics] = [named.parameters, named.statistics].map((list) => list.filter((p) => all.tensors.has(p.tensor)));
  const params = mapOf(parameters);
  const state = mapOf(statistics) as State;
  if (trainable !== undefined) {
    const { trainable: chosen } = select(trainable, params);
    const trains = parameters.filter((p) => Object.hasOwn(chosen, p.module) && Object.hasOwn(chosen[p.module], p.name)).map((p) => p.initializer);
    const opaque = notDerivable(whole.map((s) => s.node), new Set(trains), quantization === 'straightThrough');
    if (opaque.length) throw new UnsupportedOperators(`${model.source.name} cannot be trained so: no derivative passes ${opaque.length === 1 ? 'a node' : `${opaque.length} nodes`} behind what trains`, opaque);
  }

  const caches = new Map<DType, Map<Tensor, Value>>();
  const plans = new Map<string, { plan: ReturnType<typeof planOf>; names: Set<string>; tensors: Set<Tensor> }>([[JSON.stringify(ends), { plan: whole, ...all }]]);
  const outputs = ends.map((name) => graph.outputs.find((o) => o.name === name) ?? { name, dtype: null, shape: null });

  const apply = (given: Params, inputs: Inputs, applyOptions?: ApplyOptions): any => {
    const { state: start = state, rng = null, training = false, until: stop } = checkOptions('apply', applyOptions, APPLY_OPTIONS);
    checkMap(given, 'apply: the first argument, params,');
    checkMap(start, 'apply: state');
    if (typeof training !== 'boolean') throw new TypeError(`apply: training must be true or false, got ${typeof training}.`);
    const wanted = stop === undefined ? ends : resolve(listOf(stop, 'apply: until'), 'apply: until');
    const key = JSON.stringify(wanted);
    if (!plans.has(key)) {
      const plan = planOf(graph, wanted);
      plans.set(key, { plan, ...needs(plan, wanted) });
    }
    const { plan, names: needed, tensors } = plans.get(key)!;
    const own = new Map<Tensor, Bound>();
    for (const p of parameters) if (tensors.has(p.tensor)) own.set(p.tensor, { declared: p.tensor.dtype!, x: adapted(given[p.module], p.name, lookUp(given, p, 'params')) });
    for (const p of statistics) if (tensors.has(p.tensor)) own.set(p.tensor, { declared: p.tensor.dtype!, x: lookUp(start, p, 'the state') as NDArray });
    const fed = [...bindInputs(graph.inputs, inputs, needed)].map(([port, x]) => ({ name: port.name, declared: port.dtype, x }));
    const float = floatOf([...own.values(), ...fed]);
    const typed = ({ declared, x }: Bound): Value => converted(x, declared === 'float32' ? float : (declared as DType | null));
    if (!caches.has(float)) caches.set(float, new Map());
    const next = new Map<string, NDArray>();
    let draws = 0;
    const run: Omit<Run, 'graph'> = {
      training, quantization, float, parameters: new Map([...own].map(([tensor, bound]) => [tensor, typed(bound)])),
      key: (who) => {
        if (!rng) throw new ValueError(`apply: the node ${who} draws random numbers; give apply a key as { rng }.`);
        return random.foldIn(rng, draws++);
      },
      setState: (name, value) => { next.set(name, value); },
    };
    const scope = new Scope(null, graph.constants, caches.get(float)!, run);
    for (const x of fed) scope.set(x.name, typed(x));
    const bytes = (values: Iterable<Bound>): number => [...values].reduce((n, { x }) => n + sizeOf(x), 0);
    withBudget(Math.max(model.source.size, bytes(own.values())), bytes(fed), budget, () => runPlan(plan, scope, run));
    const value = (name: string): any => {
      const v = scope.get(name);
      if (!v) throw new FileFormatError(`${model.source.name} does not make '${name}'.`);
      return plain(v);
    };
    const asked = stop === undefined ? ends : listOf(stop, 'apply: until');
    const result = asked.length === 1 ? value(wanted[0]) : record(asked.map((name, i) => [name, value(wanted[i])] as const));
    if (!training) return result;
    return [result, record(Object.keys(start).map((module) => [module, record(Object.keys(start[module]).map((name) => {
      const p = statistics.find((s) => s.module === module && s.name === name);
      return [name, (p && next.get(p.initializer)) ?? start[module][name]] as const;
    }))] as const))];
  };

  const { proto } = model;
  const imported: ImportedModel = {
    apply, params, state, inputs: graph.inputs, outputs,
    metadata: record(proto.metadataProps.map(({ key, value }) => [key, value] as const)),
  };
  origins.set(imported, { model, parameters, statistics });
  return imported;
}

/** The inputs by name, checked. */
function* bindInputs(ports: readonly Port[], inputs: Inputs, needed: ReadonlySet<string>): Generator<readonly [Port, Value]> {
  const wanted = ports.filter((p) => needed.has(p.name));
  if (isArray(inputs) || ArrayBuffer.isView(inputs)) {
    if (ports.length !== 1 && wanted.length !== 1) throw new TypeError(`apply: the model has ${ports.length} inputs, ${ports.map((p) => p.name).join(', ')}: give them by name, { ${ports[0]?.name ?? ''}: … }.`);
    const [port] = wanted.length === 1 ? wanted : ports;
    if (needed.has(port.name)) yield [port, inputArray(port, inputs)];
    return;
  }
  if (typeof inputs !== 'object' || inputs === null || globalThis.Array.isArray(inputs)) throw new TypeError(`apply: the second argument is the input, an array, or the inputs by name, got ${inputs === null ? 'null' : globalThis.Array.isArray(inputs) ? 'a list; make an array of it with jnp.array' : typeof inputs}.`);
  for (const name of Object.keys(inputs)) {
    if (!ports.some((p) => p.name === name)) throw new ValueError(`apply: the model has no input '${name}'; the inputs are ${ports.map((p) => `'${p.name}'`).join(', ') || 'none'}.`);
  }
  for (const port of wanted) {
    if (!Object.hasOwn(inputs, port.name)) throw new ValueError(`apply: the input '${port.name}' is missing.`);
    yield [port, inputArray(port, inputs[port.name])];
  }
}

/** A list of arrays for a sequence; an array, a list or null for an optional. */
function sequenceOf(port: Port, given: unknown): Sequence {
  const items = (list: readonly unknown[]): Value[] => list.map((x) => toArrayLeaf(x, `apply: the input '${port.name}'`));
  if (port.dtype === 'sequence') {
    if (!globalThis.Array.isArray(given)) throw new TypeError(`apply: the input '${port.name}' is a sequence: give a list of arrays.`);
    return new Sequence(items(given));
  }
  return new Sequence(given === null ? [] : [globalThis.Array.isArray(given) ? new Sequence(items(given)) : toArrayLeaf(given, 'apply')], true);
}

/** Floats in the type that the model has, or that stands for it. */
function converted(x: Value, to: DType | null): Value {
  if (to === null || !isFloat(to)) return x;
  if (x instanceof Adapted) { const [base, a, b] = [x.base, x.a, x.b].map((y) => convertElementType(y, to)); return new Adapted(base, a, b); }
  return isArray(x) && isFloat((x as NDArray).dtype) ? convertElementType(x as NDArray, to) : x;
}

/** As the caller sees it: a sequence is a list, an optional without its element null. */
const plain = (v: Value): any => (!(v instanceof Sequence) ? arrayOf(v) : !v.optional ? v.items.map(plain) : v.items.length ? plain(v.items[0]) : null);

const FLOATS: readonly DType[] = ['float16', 'bfloat16', 'float32', 'float64'];
/** The type that stands for float32: that of the arrays in the place of such tensors, the widest if they differ. */
function floatOf(arrays: Iterable<Bound>): DType {
  const types = [...arrays].flatMap(({ declared, x }) => (declared === 'float32' ? [(x as NDArray | Adapted).dtype] : []));
  return types.reduce<DType>((a, b) => (FLOATS.indexOf(b) > FLOATS.indexOf(a) ? b : a), types[0] ?? 'float32');
}
