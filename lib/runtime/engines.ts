/**
 * The engines: which there are, where they are found, and loading them by name.
 *
 * Both libraries carry the same SONAME, and the dynamic loader gives it to whoever asks by name afterwards. So the stock
 * library is always loaded first: a host that later imports onnxruntime-node then still gets its own.
 */
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

import type { NativeEngine } from './addon.js';
import { EngineNotFoundError } from './errors.js';
import { addon, packageRoot } from './native.js';
import { nearest } from './nearest.js';

/** The engines that hokku knows. */
export const ENGINE_NAMES = ['onnxruntime', 'onnxruntime-training'] as const;
export type EngineName = (typeof ENGINE_NAMES)[number];

/** What is known about an engine without loading it. */
export interface EngineInfo {
  name: EngineName;
  /** Its library; undefined where it was not found. */
  path?: string;
  /** Where it was not found: why, and what to do. */
  missing?: string;
}

/** How to get the engine that trains from artifacts. */
export const GET_TRAINING = 'run `npm run setup` in a checkout of hokku (it fetches it with Maven), or set HOKKU_ORT_TRAINING to a libonnxruntime built with training';
const LIBRARY = /^(lib)?onnxruntime(\.\d+)*\.(so|dylib|dll)(\.\d+)*$/;

const loaded = new Map<EngineName, NativeEngine>();

function libraryIn(folder: string): string | undefined {
  if (!existsSync(folder)) return undefined;
  const name = readdirSync(folder).sort().find((file) => LIBRARY.test(file));
  return name && join(folder, name);
}

function findStock(): EngineInfo {
  const name = 'onnxruntime';
  let root: string;
  try {
    root = dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'));
  } catch {
    return { name, missing: 'the npm package onnxruntime-node is not installed: run `npm install onnxruntime-node`' };
  }
  const folder = join(root, 'bin', 'napi-v6', process.platform, process.arch);
  const path = libraryIn(folder);
  if (path) return { name, path };
  return { name, missing: `onnxruntime-node brings no library for ${process.platform}-${process.arch}` };
}

function findTraining(): EngineInfo {
  const name = 'onnxruntime-training';
  const given = process.env['HOKKU_ORT_TRAINING'];
  if (given) {
    if (existsSync(given)) return { name, path: given };
    return { name, missing: `HOKKU_ORT_TRAINING is set to ${given}, where there is no file` };
  }
  const engines = join(packageRoot(), '.engines');
  // The GPU build is there only if somebody asked for it, and it runs everything that the other one does.
  for (const variant of ['gpu', 'cpu']) {
    const path = libraryIn(join(engines, `onnxruntime-training-${variant}`));
    if (path) return { name, path };
  }
  return { name, missing: GET_TRAINING };
}

/** All engines, found or not. Loads nothing. */
export function engines(): EngineInfo[] {
  return [findStock(), findTraining()];
}

/** The engine of that name, loaded on first use. */
export function engine(name: EngineName | (string & {}) = 'onnxruntime'): NativeEngine {
  const known = ENGINE_NAMES.find((one) => one === name);
  if (!known) {
    throw new EngineNotFoundError(`There is no engine '${name}'; the engines are ${ENGINE_NAMES.map((one) => `'${one}'`).join(' and ')}, the nearest is '${nearest(name, ENGINE_NAMES)}'.`);
  }
  const ready = loaded.get(known);
  if (ready) return ready;
  const info = known === 'onnxruntime' ? findStock() : findTraining();
  if (!info.path) throw new EngineNotFoundError(`The engine '${known}' was not found: ${info.missing}.`);
  if (known === 'onnxruntime-training' && !loaded.has('onnxruntime') && findStock().path) engine('onnxruntime');
  const native = addon().loadEngine(info.path);
  if (known === 'onnxruntime-training' && !native.training) {
    throw new EngineNotFoundError(`The library ${info.path} was built without training: ${GET_TRAINING}.`);
  }
  loaded.set(known, native);
  return native;
}
