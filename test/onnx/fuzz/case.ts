/** One case: a mutant is imported, written again, traced, and run where the trace says that this is little work. */
import { linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { isArray, makeJaxpr, numpy as jnp, type Array } from '../../../lib/jax/index.js';
import type { Jaxpr } from '../../../lib/jax/core.js';
import { exportModel, importModel, type ImportedModel } from '../../../lib/onnx/index.js';
import { DTYPES, type DType } from '../../../lib/runtime/dtypes.js';
import { HokkuError } from '../../../lib/runtime/errors.js';
import { mutate } from './mutate.js';
import { Draw } from './random.js';
import type { Seed } from './seeds.js';

/** What lies outside the model's folder; no parameter may ever hold it. */
const SECRET = 12345.678;

/** A folder as models may name it: data, and ways out of it. */
export function makeFolder(root: string): string {
  const folder = join(root, 'model');
  mkdirSync(join(folder, 'folder'), { recursive: true });
  writeFileSync(join(folder, 'w.bin'), new Uint8Array(Float32Array.from({ length: 16 }, (_, i) => i / 8).buffer));
  writeFileSync(join(root, 'secret.bin'), new Uint8Array(new Float32Array(16).fill(SECRET).buffer));
  symlinkSync(join(root, 'secret.bin'), join(folder, 'link.bin'));
  linkSync(join(root, 'secret.bin'), join(folder, 'hard.bin'));
  symlinkSync(root, join(folder, 'up'));
  spawnSync('mkfifo', [join(folder, 'fifo')]);
  return folder;
}

/** Elements that a program makes; a loop without a known end is too much. */
function workOf({ equations }: Jaxpr): number {
  let work = 0;
  for (const e of equations) {
    if (e.primitive.name === 'while') return Infinity;
    for (const v of e.outputs) work += (v.aval.shape as readonly number[]).reduce((a, b) => a * b, 1);
    const turns = e.primitive.name === 'scan' ? Number(e.params.length ?? 1) : 1;
    for (const p of Object.values(e.params ?? {})) {
      const inner = (p as { jaxpr?: Jaxpr } | null)?.jaxpr ?? (p as Jaxpr | null);
      if (inner && typeof inner === 'object' && globalThis.Array.isArray(inner.equations)) work += Math.max(1, turns) * workOf(inner);
    }
  }
  return work;
}
const MOST_WORK = 20_000;

/** Inputs as the model declares them, open dimensions of two. */
function inputsOf({ inputs }: ImportedModel): Record<string, Array> | null {
  const out = Object.create(null) as Record<string, Array>;
  for (const { name, dtype, shape } of inputs) {
    if (dtype === null || !(dtype in DTYPES)) return null;
    const dims = (shape ?? [2, 2]).map((d) => (typeof d === 'number' ? d : 2));
    if (dims.some((d) => d < 0) || dims.reduce((a, b) => a * b, 1) > 4096) return null;
    out[name] = jnp.ones(dims, { dtype: dtype as DType });
  }
  return out;
}

const holdsSecret = (map: ImportedModel['params']): boolean => Object.values(map).some((bundle) => Object.values(bundle).some((x) => x.dtype === 'float32' && x.size > 0 && Math.abs(Number((x.data as Float32Array)[0]) - SECRET) < 1e-3));

export type Outcome = 'refused' | 'imported' | 'traced' | 'run';
export interface Report { readonly outcome: Outcome; readonly seed: string; readonly changes: readonly string[]; readonly size: number; readonly wrong?: string; readonly stage?: string }

/** An error of ours, or what to say of it. */
function untyped(error: unknown): string | undefined {
  if (error instanceof HokkuError && error.code !== 'INTERNAL') return undefined;
  if (error instanceof HokkuError) return `${error.message}\n${untyped(error.cause)}`;
  return error instanceof Error ? (error.stack ?? error.message).split('\n').slice(0, 6).join('\n') : String(error);
}

export interface Setting { readonly seed: number; readonly seeds: readonly Seed[]; readonly folder: string }

export function mutantOf({ seed, seeds }: Setting, index: number) {
  const d = new Draw(seed, index);
  const from = d.of(seeds);
  return { from, d, ...mutate(from.bytes, d) };
}

export function runCase(setting: Setting, index: number): Report {
  const { from, d, bytes, changes } = mutantOf(setting, index);
  const { folder } = setting;
  let outcome: Outcome = 'refused';
  let stage = 'importModel';
  const report = (wrong?: string): Report => ({ outcome, seed: from.name, changes, size: bytes.length, ...(wrong && { wrong, stage }) });
  try {
    let model: ImportedModel;
    if (d.chance(0.1)) {
      const path = join(folder, 'mutant.onnx');
      writeFileSync(path, bytes);
      model = importModel(path);
    } else model = importModel(bytes, { folder });
    outcome = 'imported';
    if (holdsSecret(model.params)) return report('a parameter holds what lies outside the folder');
    const draws = [d.next(), d.next()];
    if (draws[0] < 0.2) {
      stage = 'exportModel';
      exportModel(model, model.params, undefined, { check: false });
    }
    const inputs = inputsOf(model);
    if (!inputs) return report();
    stage = 'tracing';
    const { jaxpr } = makeJaxpr((params: any, given: any) => { const out = model.apply(params, given); return isArray(out) ? out : Object.values(out ?? {}).filter((v) => isArray(v)); })(model.params, inputs);
    outcome = 'traced';
    if (draws[1] > 0.05 || workOf(jaxpr) > MOST_WORK) return report();
    stage = 'running';
    model.apply(model.params, inputs);
    outcome = 'run';
    return report();
  } catch (error) {
    return report(untyped(error));
  }
}
