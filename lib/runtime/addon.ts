/** Types of the native addon: everything in it is a class or function implemented in `native/`. */
import type { DType } from './dtypes.js';
import type * as errors from './errors.js';

/** Memory of one tensor: an ArrayBuffer on CPU, a DeviceBuffer on a GPU. */
export type Memory = ArrayBuffer | DeviceBuffer;

/** GPU memory. Freed by `dispose`, and by the collector as the safety net. */
export interface DeviceBuffer {
  readonly byteLength: number;
  readonly deviceId: number;
  readonly disposed: boolean;
  copyFrom(source: ArrayBuffer | ArrayBufferView): void;
  copyTo(target: ArrayBuffer): void;
  dispose(): void;
}

/** dtype and shape of one bound input or output. */
export interface TensorSpec { dtype: DType; shape: readonly number[] }
/** A tensor as the addon takes and gives it. */
export interface NativeTensor extends TensorSpec { data: Memory }
/** What a model declares: `-1` or a name where a dimension is not fixed; null where the rank is not known. */
export interface ValueInfo { name: string; dtype: DType | 'string'; shape: (number | string)[] | null }

export interface SessionOptions {
  device?: 'cpu' | 'cuda';
  deviceId?: number;
  /** 0 off, 1 basic, 2 extended, 99 all (default). */
  graphOptimizationLevel?: 0 | 1 | 2 | 3 | 99;
  /** Writes the optimised model there. */
  optimizedModelPath?: string;
  /** Writes a profile with this path prefix; the file is complete after `endProfiling`. */
  profilePrefix?: string;
  /** Threads of the session's own pool; left out: the engine's shared pool. */
  intraOpNumThreads?: number;
  deterministic?: boolean;
  /**
   * False: an abort is seen before a run starts or after it ended, never inside. For graphs that write in place; a binding
   * that is given the same memory as input and output does so by itself. Default true.
   */
  interruptible?: boolean;
  /**
   * True: the memory of the first run's temporaries goes back to the system after it. The engine takes it piece by piece
   * in that run and as one block, beside the pieces, in the following ones; and many a program runs once. Default false.
   */
  shrinkFirst?: boolean;
  config?: Record<string, string>;
}

export interface NativeEngine {
  readonly path: string;
  readonly version: string;
  readonly apiVersion: number;
  readonly training: boolean;
  readonly providers: string[];
  readonly buildInfo: string;
  /** Whether sessions share the engine's thread pool; false where the process had made this library's environment before. */
  readonly sharedThreadPool: boolean;
  createSession(model: Uint8Array | string, options?: SessionOptions): NativeSession;
  /** Throws EngineError where the library was built without training. */
  loadCheckpoint(source: Uint8Array | string): NativeCheckpoint;
  createTrainingSession(checkpoint: NativeCheckpoint, models: TrainingModels, options?: SessionOptions): NativeTrainingSession;
  /** Process-wide seed of random kernels made from now on (training builds only). */
  setSeed(seed: number): void;
  /** Memory on a CUDA device; throws where there is none. */
  allocate(byteLength: number, deviceId: number): DeviceBuffer;
}

export interface NativeSession {
  readonly inputs: ValueInfo[];
  readonly outputs: ValueInfo[];
  readonly disposed: boolean;
  /**
   * Runs with tensors in declared order. An output may be given (written in place, exact shape) or be null or left out:
   * then the engine allocates it and it is returned as a copy in memory of its own.
   */
  run(inputs: NativeTensor[], outputs?: (NativeTensor | null)[]): NativeTensor[];
  runAsync(inputs: NativeTensor[], outputs?: (NativeTensor | null)[], signal?: AbortSignal): Promise<NativeTensor[]>;
  /** The fast path: fixed dtypes and shapes, checked once. */
  bind(inputs: TensorSpec[], outputs: TensorSpec[]): NativeBinding;
  endProfiling(): string;
  dispose(): void;
}

/** A session with bound dtypes and shapes; `run` only takes memory: first the inputs', then the outputs'. */
export interface NativeBinding {
  /** Byte lengths are checked; outputs are written in place. Throws while an asynchronous run is in flight. */
  run(memory: Memory[]): void;
  runAsync(memory: Memory[], signal?: AbortSignal): Promise<void>;
  dispose(): void;
}

export interface TrainingModels { train: Uint8Array | string; eval?: Uint8Array | string; optimizer?: Uint8Array | string }

export interface NativeCheckpoint {
  readonly disposed: boolean;
  save(path: string, includeOptimizerState: boolean): void;
  getProperty(name: string): number | bigint | string;
  /** bigint becomes int64, number float32, string a C string. */
  addProperty(name: string, value: number | bigint | string): void;
  parameterInfo(name: string): TensorSpec;
  /** float32 only (the engine's limit); a copy. Needs a live training session on this checkpoint. */
  getParameter(name: string): NativeTensor;
  updateParameter(name: string, value: NativeTensor): void;
  dispose(): void;
}

export interface NativeTrainingSession {
  readonly trainInputs: string[];
  readonly trainOutputs: string[];
  readonly evalInputs: string[];
  readonly evalOutputs: string[];
  readonly disposed: boolean;
  learningRate: number;
  trainStep(inputs: NativeTensor[], outputs?: (NativeTensor | null)[]): NativeTensor[];
  trainStepAsync(inputs: NativeTensor[], outputs?: (NativeTensor | null)[]): Promise<NativeTensor[]>;
  evalStep(inputs: NativeTensor[], outputs?: (NativeTensor | null)[]): NativeTensor[];
  evalStepAsync(inputs: NativeTensor[], outputs?: (NativeTensor | null)[]): Promise<NativeTensor[]>;
  lazyResetGrad(): void;
  optimizerStep(): void;
  optimizerStepAsync(): Promise<void>;
  registerLinearLRScheduler(warmupSteps: number, totalSteps: number, initialLR: number): void;
  schedulerStep(): void;
  /** Elements, not bytes. */
  parametersSize(trainableOnly: boolean): number;
  copyParametersToBuffer(trainableOnly: boolean): Float32Array;
  copyBufferToParameters(values: Float32Array, trainableOnly: boolean): void;
  exportModelForInferencing(path: string, outputNames: string[]): void;
  dispose(): void;
}

export interface Addon {
  /** Loads `libonnxruntime` by absolute path, once per path and process. */
  loadEngine(path: string): NativeEngine;
  /** Whether this machine has vector instructions that our loops are compiled for: AVX2 or AVX-512. */
  readonly wideVectors: boolean;
  /** Asks the system for large pages under a buffer that nobody has touched yet. */
  useLargePages(buffer: ArrayBuffer): void;
  /** Copies and detaches the buffer: what `{ copy: false }` does with the caller's ArrayBuffer. */
  takeOver(buffer: ArrayBuffer): ArrayBuffer;
  /** The module `errors.ts`: what the addon throws. Once a thread, before anything else. */
  setErrors(classes: typeof errors): void;
  /** The function that programs' callbacks go through on this thread; gives the token that they carry. */
  registerCallbacks(dispatch: (id: number, inputs: readonly ArrayBuffer[]) => readonly ArrayBuffer[]): number;
  /** Joins what runs and refuses more: for the exit of the process. */
  shutdown(): void;
}
