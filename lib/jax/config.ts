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
  /** The engine of computations that do not name one. */
  get engine(): EngineName { return this.#engine; }
  set engine(name: EngineName) {
    if (name !== 'onnxruntime' && name !== 'onnxruntime-training') throw new ValueError(`config.engine: unknown engine '${String(name)}'; expected 'onnxruntime' or 'onnxruntime-training'.`);
    this.#engine = name;
  }
}

export const config = new Config();
