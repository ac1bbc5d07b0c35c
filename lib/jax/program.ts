/** Compiled programs: a traced program, lowered, in a session, with memory in and memory out. */
import type { Memory, NativeBinding, NativeSession, NativeTensor, SessionOptions } from '../runtime/addon.js';
import { engine as loadEngine } from '../runtime/engines.js';
import { addon } from '../runtime/native.js';
import { channels, traceSync } from '../runtime/channels.js';
import { ValueError } from '../runtime/errors.js';
import { Graph } from '../lowering/graph.js';
import { lowerProgram } from '../lowering/lower.js';
import { pairDonated, type InPlace } from '../lowering/fusion.js';
import { kernelsOf } from '../lowering/kernels.js';
import { serialize } from '../lowering/model.js';
import { gatherSequences } from '../lowering/sequence.js';
import { ConcreteArray, NDArray, aval, cpu, expectConcrete, formatAval, type Aval, type Device } from './array.js';
import { cacheFile, readEntry, writeEntry, type Layout } from './compilation-cache.js';
import { config, type EngineName } from './config.js';
import { Literal, formatJaxpr, type Atom, type Jaxpr, type Var } from './core.js';
import { clone } from './devices.js';
import { cost, type Cost } from './cost.js';
import { dims } from './dims.js';
import { optimize } from './passes/index.js';
import { inlineCalls, subprograms } from './programs.js';
import type { DotParams } from './primitives/dot.js';
import { DTYPES, encode } from './dtypes.js';

export interface Target { readonly engine: EngineName; readonly device: Device }

/** Where a computation goes: what it says, else the defaults. A GPU belongs to the engine that lists it. */
export function targetOf({ engine, device = config.defaultDevice ?? cpu }: { engine?: EngineName; device?: Device } = {}): Target {
  return { engine: engine ?? (device.engine as EngineName | undefined) ?? config.engine, device };
}

const byteLength = (a: Aval): number => dims.size(a.shape) * DTYPES[a.dtype].size;
const spec = (a: Pick<Aval, 'dtype' | 'shape'>) => ({ dtype: a.dtype, shape: a.shape });
const layoutOf = ({ inputs, fresh, inPlace, token }: ReturnType<typeof buildModel>): Layout =>
  ({ inputs: inputs.map((x) => ({ source: x.source, ...spec(x.aval) })), fresh, inPlace: [...inPlace], token });

/**
 * A reshaped input is the same memory under another shape: it becomes an input of its own, and no node. `sources` says
 * which of the program's inputs each one is.
 */
function reshapedInputs(jaxpr: Jaxpr, written: ReadonlySet<number>): { jaxpr: Jaxpr; sources: readonly number[] } {
  const free = jaxpr.equations.filter((e) => {
    const i = e.primitive.name === 'reshape' ? jaxpr.inputs.indexOf(e.inputs[0] as Var) : -1;
    return i >= 0 && !written.has(i) && !jaxpr.outputs.includes(e.outputs[0]) && dims.isStatic(e.outputs[0].aval.shape) && dims.isStatic(jaxpr.inputs[i].aval.shape);
  });
  return {
    jaxpr: { ...jaxpr, inputs: [...jaxpr.inputs, ...free.map((e) => e.outputs[0])], equations: jaxpr.equations.filter((e) => !free.includes(e)) },
    sources: [...jaxpr.inputs.keys(), ...free.map((e) => jaxpr.inputs.indexOf(e.inputs[0] as Var))],
  };
}

/** The bytes of the model that a program becomes; `inPlace` as the fusion pass settled it. */
export function buildModel(program: Jaxpr, wanted: InPlace, fused: boolean, kernels = kernelsOf()) {
  const { jaxpr, sources } = reshapedInputs(program, new Set(wanted.values()));
  const used = new Set<Atom>([...jaxpr.equations.flatMap((e) => e.inputs)]);
  const graph = new Graph(true, fused, kernels);
  const names = jaxpr.inputs.map((v, i) => {
    const { dtype, shape } = v.aval;
    // An open dimension is read from an input that has it.
    if (!used.has(v) && ![...wanted.values()].includes(i) && dims.isStatic(shape)) return '';
    return graph.input(`i${i}`, dtype, shape);
  });
  // What is an input or a constant already goes around the graph.
  const computed = jaxpr.outputs.map((a) => !(a instanceof Literal) && !jaxpr.inputs.includes(a as Var));
  const first = jaxpr.outputs.map((a, k) => computed[k] && jaxpr.outputs.indexOf(a) === k);
  const inner: Jaxpr = { ...jaxpr, outputs: jaxpr.outputs.filter((_, k) => first[k]) };
  const position = jaxpr.outputs.map((_, k) => first.slice(0, k).filter(Boolean).length);
  const lowered = lowerProgram(graph, inner, names, new Map([...wanted].map(([k, j]) => [position[k], j])));
  const inPlace = new Map<number, number>();
  jaxpr.outputs.forEach((_, k) => { if (first[k] && lowered.inPlace.has(position[k])) inPlace.set(k, lowered.inPlace.get(position[k])!); });
  /** The program's output behind each of the graph's. */
  const fresh: number[] = [];
  jaxpr.outputs.forEach((a, k) => {
    if (!first[k] || inPlace.has(k)) return;
    fresh.push(k);
    const name = lowered.outputs[position[k]]!;
    // A graph's output must be made by a node, and by one only.
    const own = graph.nodes.some((n) => n.outputs.includes(name)) && !graph.outputs.some((o) => o.name === name);
    graph.output(own ? name : graph.node('Identity', [name]), a.aval.dtype, a.aval.shape);
  });
  if (lowered.token) graph.output(lowered.token, 'bool', [1]);
  const inputs = jaxpr.inputs.flatMap((v, i) => (names[i] ? [{ source: sources[i], aval: v.aval }] : []));
  return { graph, inputs, fresh, inPlace, token: lowered.token !== null };
}

/** What reads only as much of its operand as its result holds. */
const LOOKUPS = new Set(['gather', 'gather_along', 'slice', 'dynamic_slice']);

/** Whether no equation is worth a second thread: up to about 20 µs of one core, where waiting for another often costs more than it saves. */
function small({ equations }: Jaxpr): boolean {
  return equations.every(({ primitive: { name }, inputs, params, outputs: [out] }) => {
    const inside = subprograms(params);
    if (inside.length || !out) return inside.every(small);
    const inner = name === 'dot_general' ? dims.size((params as DotParams).contract[0].map((i) => inputs[0].aval.shape[i]))
      : name === 'conv_general_dilated' ? dims.size(inputs[1].aval.shape.slice(1))
        : name === 'conv_kernel_gradient' ? dims.size([inputs[1].aval.shape[0], ...inputs[1].aval.shape.slice(2)]) : null;
    const read = inner !== null || LOOKUPS.has(name) ? [] : inputs;
    return [out, ...read].every(({ aval: { shape } }) => { const work = dims.mul(dims.size(shape), inner ?? 16); return typeof work === 'number' && work <= 2 ** 20; });
  });
}

/** From this size on, what a first run leaves in the engine's arena is worth giving back. */
const LARGE = 1 << 20;
const large = ({ equations }: Jaxpr): boolean =>
  equations.some(({ outputs, params }) => outputs.some(({ aval: a }) => dims.isStatic(a.shape) && byteLength(a) >= LARGE) || subprograms(params).some(large));

function countNodes(graph: Graph, counts: Record<string, number> = {}): Record<string, number> {
  for (const { op, domain, attributes } of graph.nodes) {
    const name = domain ? `${domain}.${op}` : op;
    counts[name] = (counts[name] ?? 0) + 1;
    for (const a of Object.values(attributes)) if (typeof a === 'object' && 'graph' in a) countNodes(a.graph, counts);
  }
  return counts;
}

/** Operators that the engine computes faster in an order of the axes of its own. */
const REORDERED = /^(Conv|ConvTranspose|.*Pool)$/;
/** Whether nothing can be optimised: a single node. Looking for it takes more of a session's time than all the rest. */
const single = ({ nodes: [only, ...more] }: Graph): boolean =>
  more.length === 0 && !REORDERED.test(only.op) && !Object.values(only.attributes).some((a) => typeof a === 'object' && 'graph' in a);

/** From this size on, memory that a program fills anyway is not filled with zeros first: that costs more than many a program. */
const UNFILLED = 65536;
/** From this size on, memory comes anew from the system: the C library keeps smaller blocks (native/memory.cc). */
const FRESH = 32 << 20;

let runs = 0;

/** A program ready to run. Its inputs are those of the Jaxpr, captured arrays first. */
export class Program {
  readonly inPlace: InPlace;
  readonly modelBytes: number;
  readonly #wanted: InPlace;
  readonly #session: NativeSession | null;
  /** Where it is bound. A binding makes one run at a time, so there are as many as there were runs at once. */
  readonly #bind: (() => NativeBinding) | null;
  readonly #idle: NativeBinding[] = [];
  #disposed = false;
  readonly #inputs: readonly number[];
  /** Their shapes, null where dimensions are open: a reshaped input has another one than its source. */
  readonly #shapes: readonly (readonly number[] | null)[];
  readonly #fresh: readonly number[];
  readonly #avals: readonly Aval[];
  readonly #sizes: readonly number[];
  readonly #around: readonly (number | ConcreteArray | null)[];
  readonly #twin: readonly number[];
  readonly #token: ArrayBuffer | null;
  /** The inputs that are not donated. */
  readonly #others: readonly number[];
  /** For every output written in place, which of the donated arrays' memory it is. */
  readonly #reused: readonly (number | undefined)[];

  /** `key`: what it is known by on disk, where programs are kept there. */
  constructor(readonly jaxpr: Jaxpr, readonly target: Target, readonly donated: readonly number[] = [], pairs?: InPlace, fixed = true, readonly key: string | null = null) {
    const onCpu = target.device.platform === 'cpu';
    // An input that is returned as it came keeps its memory; nothing may be written there, and only a value of its own may be.
    const own = (k: number): boolean => { const a = jaxpr.outputs[k]; return !(a instanceof Literal) && !jaxpr.inputs.includes(a) && jaxpr.outputs.indexOf(a) === k; };
    this.#wanted = new Map([...(onCpu ? pairs ?? pairDonated(jaxpr, donated) : [])].filter(([k, j]) => own(k) && !jaxpr.outputs.includes(jaxpr.inputs[j])));
    const file = key === null ? null : cacheFile(loadEngine(target.engine).version, key);
    const stored = file === null ? null : readEntry(file);
    const built = stored ? null : this.#build();
    const layout = stored?.layout ?? layoutOf(built!);
    this.inPlace = new Map(layout.inPlace);
    this.#others = [...jaxpr.inputs.keys()].filter((i) => !donated.includes(i));
    this.#reused = jaxpr.outputs.map((_, k) => (this.inPlace.has(k) ? donated.indexOf(this.inPlace.get(k)!) : undefined));
    this.#inputs = layout.inputs.map((x) => x.source);
    this.#shapes = layout.inputs.map(({ shape }) => (dims.isStatic(shape) ? shape : null));
    this.#fresh = layout.fresh;
    this.#token = layout.token ? new ArrayBuffer(1) : null;
    this.#avals = jaxpr.outputs.map((a) => aval(a.aval.shape, a.aval.dtype, a.aval.weak));
    this.#sizes = fixed ? this.#avals.map(byteLength) : [];
    this.#around = jaxpr.outputs.map((a) => (a instanceof Literal ? new ConcreteArray(a.aval, encode(a.aval.dtype, [a.value])) : jaxpr.inputs.includes(a) ? jaxpr.inputs.indexOf(a) : null));
    this.#twin = jaxpr.outputs.map((a) => jaxpr.outputs.indexOf(a));
    if (jaxpr.equations.length === 0 && this.inPlace.size === 0) {
      this.modelBytes = 0;
      this.#session = this.#bind = null;
      return;
    }
    const oneThread = onCpu && small(jaxpr);
    if (built && oneThread) gatherSequences(built.graph);
    const model = stored?.model ?? serialize(built!.graph);
    this.modelBytes = model.byteLength;
    const options: SessionOptions = {
      ...(!onCpu ? { device: 'cuda', deviceId: target.device.id } : oneThread ? { intraOpNumThreads: 1 } : {}),
      ...(large(jaxpr) && { shrinkFirst: true }),
      // What is stored has been optimised.
      ...((stored || single(built!.graph)) && { graphOptimizationLevel: 0 }),
    };
    const create = (more: SessionOptions): NativeSession => loadEngine(target.engine).createSession(model, { ...options, ...more });
    this.#session = stored || file === null ? create({}) : writeEntry(file, layout, (optimizedModelPath) => create(optimizedModelPath ? { optimizedModelPath } : {}));
    const session = this.#session;
    const results = [...this.#fresh.map((k) => spec(this.#avals[k])), ...(this.#token ? [{ dtype: 'bool' as const, shape: [1] }] : [])];
    this.#bind = fixed ? () => session.bind(layout.inputs.map(spec), results) : null;
    if (this.#bind) this.#idle.push(this.#bind());
  }

  /** The program as text, as it is compiled: after the passes. */
  get text(): string { return formatJaxpr(this.jaxpr); }
  /** The bytes of its ONNX model, before the engine's own optimisations, and before small nodes are gathered. Written anew at each call. */
  model(): Uint8Array { return serialize(this.#build().graph); }
  /** How many nodes of each operator that model has, subgraphs included; `hokku.` stands before operators of our own. */
  nodeCounts(): Record<string, number> { return countNodes(this.#build().graph); }
  /** What running it takes, estimated from the program: see `cost.ts`. */
  cost(): Cost { return cost(this.jaxpr); }

  /** Runs and blocks. `inputs` are checked by the caller to have the program's types. */
  run(inputs: readonly ConcreteArray[]): ConcreteArray[] {
    this.#refuseTwice(inputs);
    const memory = this.#memory(inputs);
    const binding = this.#take();
    try {
      binding?.run(memory);
    } finally {
      this.#release(binding);
    }
    const donated = this.donated.map((i) => inputs[i].donate('to a compiled function'));
    return this.#results(inputs, memory, donated);
  }

  /** As `run`, on the engine's own thread. Donated arrays are gone from the call on, and back if the run fails. */
  async runAsync(inputs: readonly ConcreteArray[], signal?: AbortSignal): Promise<ConcreteArray[]> {
    this.#refuseTwice(inputs);
    const memory = this.#memory(inputs);
    const binding = this.#take();
    try {
      const donated = this.donated.map((i) => inputs[i].donate('to a compiled function'));
      try {
        await binding?.runAsync(memory, signal);
      } catch (error) {
        this.donated.forEach((i, k) => inputs[i].restore(donated[k]));
        throw error;
      }
      return this.#results(inputs, memory, donated);
    } finally {
      this.#release(binding);
    }
  }

  /** For programs with open dimensions: shapes come with the arrays, results' shapes from the caller. */
  runOpen(inputs: readonly NativeTensor[], outputs: readonly Aval[]): ConcreteArray[] {
    const results = outputs.map((a) => ({ ...spec(a), data: this.#allocate(byteLength(a)) }));
    this.#session!.run(this.#inputs.map((i, k) => ({ ...inputs[i], shape: this.#shapes[k] ?? inputs[i].shape })), results);
    return results.map((r, k) => new ConcreteArray(outputs[k], r.data, this.target.device));
  }

  dispose(): void {
    this.#disposed = true;
    for (const binding of this.#idle.splice(0)) binding.dispose();
    this.#session?.dispose();
  }

  #take(): NativeBinding | null { return this.#idle.pop() ?? this.#bind?.() ?? null; }
  #release(binding: NativeBinding | null): void {
    if (binding && this.#disposed) binding.dispose();
    else if (binding) this.#idle.push(binding);
  }

  #build() {
    const { engine, device: { platform } } = this.target;
    return buildModel(this.jaxpr, this.#wanted, platform === 'cpu', kernelsOf(engine, platform));
  }

  #allocate(bytes: number): Memory {
    const { device, engine } = this.target;
    if (device.platform !== 'cpu') return loadEngine(engine).allocate(bytes, device.id);
    if (bytes < UNFILLED) return new ArrayBuffer(bytes);
    const { buffer } = Buffer.allocUnsafeSlow(bytes);
    if (bytes >= FRESH) addon().useLargePages(buffer);
    return buffer;
  }

  #memory(inputs: readonly ConcreteArray[]): Memory[] {
    const memory: Memory[] = [];
    for (const i of this.#inputs) memory.push(inputs[i].memory);
    for (const k of this.#fresh) memory.push(this.#allocate(this.#sizes[k]));
    if (this.#token) memory.push(this.#token);
    return memory;
  }

  #results(inputs: readonly ConcreteArray[], memory: readonly Memory[], donated: readonly Memory[]): ConcreteArray[] {
    const { device } = this.target;
    const results: ConcreteArray[] = [];
    let at = this.#inputs.length;
    for (let k = 0; k < this.#avals.length; k++) {
      const around = this.#around[k];
      const reused = this.#reused[k];
      // Memory of its own for each result: any of them may be donated next.
      if (this.#twin[k] !== k) results.push(clone(results[this.#twin[k]]));
      else if (reused !== undefined) results.push(new ConcreteArray(this.#avals[k], donated[reused], device));
      else if (around === null) results.push(new ConcreteArray(this.#avals[k], memory[at++], device));
      else if (typeof around !== 'number') results.push(clone(around));
      else {
        const d = this.donated.indexOf(around);
        results.push(d < 0 ? inputs[around] : new ConcreteArray(inputs[around].aval, donated[d], inputs[around].device));
      }
    }
    // What no result took over: on a GPU the collector would come too late.
    for (const m of donated) if (!(m instanceof ArrayBuffer) && !results.some((r) => r.memory === m)) m.dispose();
    return results;
  }

  /** One array under two inputs must not be written, also where the other is not donated: it would read what is being overwritten. */
  #refuseTwice(inputs: readonly ConcreteArray[]): void {
    if (this.donated.length === 0) return;
    runs++;
    for (const i of this.donated) {
      if (inputs[i].run === runs) this.#twice(inputs, i);
      inputs[i].run = runs;
    }
    for (const i of this.#others) if (inputs[i].run === runs) this.#twice(inputs, i);
  }

  #twice(inputs: readonly ConcreteArray[], i: number): never {
    throw new ValueError(`The array ${formatAval(inputs[i])} is donated and also given a second time (inputs ${inputs.indexOf(inputs[i])} and ${inputs.lastIndexOf(inputs[i])}): donate a copy, or do not donate it.`);
  }
}

/** A new program, told on `hokku:compile`. */
export function makeProgram(...args: ConstructorParameters<typeof Program>): Program {
  const [{ equations }, { engine, device }] = args;
  return traceSync(channels.compile, () => ({ engine, device: String(device), equations: equations.length }), (trace) => {
    const program = new Program(...args);
    if (trace) trace.modelBytes = program.modelBytes;
    return program;
  });
}

/** Least recently used first; `dispose` where an entry leaves. */
class Cache {
  readonly #entries = new Map<string, Program>();
  #bytes = 0;
  constructor(readonly limit: number, readonly dispose: boolean) {}
  // A session costs about this much beside its model.
  static cost(p: Program): number { return 80_000 + 2 * p.modelBytes; }
  get(key: string, make: () => Program): Program {
    let found = this.#entries.get(key);
    if (found) this.#entries.delete(key);
    else {
      found = make();
      this.#bytes += Cache.cost(found);
    }
    this.#entries.set(key, found);
    for (const [old, p] of this.#entries) {
      if (this.#bytes <= this.limit || old === key) break;
      this.#entries.delete(old);
      this.#bytes -= Cache.cost(p);
      if (this.dispose) p.dispose();
    }
    return found;
  }
}

/** Programs by text; those that leave are freed by the collector, since a jitted function may still hold them. */
const programs = new Cache(128 << 20, false);
/** Single operations, which only their own call uses. */
export const eagerPrograms = new Cache(64 << 20, true);

/** Smaller programs are compiled in less than about 20 ms. */
const WORTH_KEEPING = 64;

export function compile(program: Jaxpr, target: Target = targetOf(), donated: readonly number[] = [], pairs?: InPlace): Program {
  const jaxpr = optimize(inlineCalls(program));
  const key = `${target.engine} ${target.device} ${donated.join()} ${pairs ? [...pairs].join(';') : ''} ${jaxpr.outputs.map((a) => (a.aval.weak ? '~' : '.')).join('')} ${formatJaxpr(jaxpr)}`;
  // Functions are known by numbers of this process.
  const kept = config.compilationCacheDir !== null && jaxpr.equations.length >= WORTH_KEEPING && target.device.platform === 'cpu' && !key.includes('#');
  return programs.get(key, () => makeProgram(jaxpr, target, donated, pairs, true, kept ? key : null));
}

/** Compiles and runs a program on concrete values. */
export function execute(jaxpr: Jaxpr, inputs: readonly NDArray[]): ConcreteArray[] {
  return compile(jaxpr).run(inputs.map((x) => expectConcrete(x, 'A compiled program')));
}
