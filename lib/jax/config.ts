/** Settings of the process: few, and each is what JAX calls a config option. */
import { ValueError } from '../runtime/errors.js';
import type { Device } from './array.js';

/** The engines by name; `devices()` lists what they can use. */
export type EngineName = 'onnxruntime' | 'onnxruntime-training';

class Config {
  #engine: EngineName = 'onnxruntime';
  /** JAX's `jax_threefry_partitionable`: false gives the random numbers of JAX before 0.5. */
  threefryPartitionable = true;
  /** The device of computations that do not name one. */
  defaultDevice: Device | null = null;
  #compilationCacheDir: string | null = process.env['HOKKU_COMPILATION_CACHE_DIR'] || null;
  #compilationCacheMaxSize = 2 ** 29;
  /**
   * A folder where compiled programs are kept for other processes, null for none. As JAX's `jax_compilation_cache_dir`; the
   * environment variable HOKKU_COMPILATION_CACHE_DIR sets it too. Only use a folder that nobody else can write to.
   */
  get compilationCacheDir(): string | null { return this.#compilationCacheDir; }
  set compilationCacheDir(folder: string | null) {
    if (folder !== null && (typeof folder !== 'string' || folder === '')) throw new ValueError(`config.compilationCacheDir: expected a folder or null, got ${JSON.stringify(folder) ?? 'undefined'}.`);
    this.#compilationCacheDir = folder;
  }
  /** The most bytes that folder holds; the files that were not used for the longest time go first. 512 MiB by default. */
  get compilationCacheMaxSize(): number { return this.#compilationCacheMaxSize; }
  set compilationCacheMaxSize(bytes: number) {
    if (typeof bytes !== 'number' || !(bytes >= 0)) throw new ValueError(`config.compilationCacheMaxSize: expected a number of bytes, got ${String(bytes)}.`);
    this.#compilationCacheMaxSize = bytes;
  }
  /** The engine of computations that do not name one. */
  get engine(): EngineName { return this.#engine; }
  set engine(name: EngineName) {
    if (name !== 'onnxruntime' && name !== 'onnxruntime-training') throw new ValueError(`config.engine: unknown engine '${String(name)}'; expected 'onnxruntime' or 'onnxruntime-training'.`);
    this.#engine = name;
  }
}

export const config = new Config();
