/** Where arrays live and computations run. */
import { readdirSync } from 'node:fs';
import { dirname } from 'node:path';

import { engine as loadEngine, engines } from '../runtime/engines.js';
import { ValueError } from '../runtime/errors.js';
import { ConcreteArray, NDArray, cpu, expectConcrete, type Device } from './array.js';
import { config, type EngineName } from './config.js';
import { DTYPES } from './dtypes.js';
import { dims } from './dims.js';
import * as tree from './tree.js';

const made = new Map<string, Device>();
function cuda(engine: EngineName, id: number): Device {
  const name = `cuda:${id}`;
  const known = made.get(`${engine} ${name}`);
  if (known) return known;
  const device: Device = Object.freeze({ platform: 'cuda' as const, id, engine, toString: () => name });
  made.set(`${engine} ${name}`, device);
  return device;
}

/** The devices that can be used now: the CPU, and the first GPU of each engine that can reach one. As `jax.devices`. */
export function devices(platform?: 'cpu' | 'cuda'): Device[] {
  if (platform !== undefined && platform !== 'cpu' && platform !== 'cuda') throw new ValueError(`devices: unknown platform '${String(platform)}'; expected 'cpu' or 'cuda'.`);
  const found: Device[] = platform === 'cuda' ? [] : [cpu];
  if (platform !== 'cpu') {
    for (const { name, path } of engines()) {
      // A library may list CUDA among its providers and come without the file that holds it.
      if (!path || !readdirSync(dirname(path)).some((file) => file.includes('onnxruntime_providers_cuda'))) continue;
      try {
        loadEngine(name as EngineName).allocate(4, 0).dispose();
        found.push(cuda(name as EngineName, 0));
      } catch { /* no CUDA for this engine: `hokku doctor` says why */ }
    }
  }
  return found;
}

/** The arrays of a tree, copied to a device where they are not there yet. As `jax.device_put`. */
export function devicePut<T>(x: T, device: Device = config.defaultDevice ?? cpu): T {
  return tree.map((leaf: unknown) => (leaf instanceof NDArray ? put(expectConcrete(leaf, 'devicePut'), device) : leaf), x) as T;
}

/** The arrays of a tree, on the CPU. As `jax.device_get`. */
export const deviceGet = <T>(x: T): T => devicePut(x, cpu);
/** How many devices there are. */
export const deviceCount = (platform?: 'cpu' | 'cuda'): number => devices(platform).length;
/** The platform of computations that do not name a device: 'cpu' or 'cuda'. */
export const defaultBackend = (): 'cpu' | 'cuda' => (config.defaultDevice ?? cpu).platform;

/** The arrays of a tree in memory of their own. */
export const clone = <T>(x: T): T => tree.map((leaf: NDArray) => {
  const { device, aval, data } = expectConcrete(leaf, 'A copy');
  return put(new ConcreteArray(aval, data.buffer as ArrayBuffer), device);
}, x) as T;

function put(x: ConcreteArray, device: Device): ConcreteArray {
  if (x.device === device) return x;
  if (device.platform === 'cpu') return new ConcreteArray(x.aval, x.data.buffer as ArrayBuffer);
  const memory = loadEngine(device.engine as EngineName).allocate(dims.size(x.shape) * DTYPES[x.dtype].size, device.id);
  memory.copyFrom(x.data);
  return new ConcreteArray(x.aval, memory, device);
}

/** Runs `f` with `device` as the default of everything computed in it. As `jax.default_device`. */
export function defaultDevice<T>(device: Device | null, f: () => T): T {
  const saved = config.defaultDevice;
  config.defaultDevice = device;
  try { return f(); } finally { config.defaultDevice = saved; }
}
