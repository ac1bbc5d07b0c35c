/** In which dtype an operator is computed: its own where the engine has a kernel, else one that holds every value of it. */
import type { DType } from '../runtime/dtypes.js';
import { TypeError } from '../runtime/errors.js';
import { ORDERED, TABLE } from './kernel-table.js';

/** What holds every value of a dtype, the nearest first. A wider type wraps back to the same bits. */
const WIDER: Readonly<Record<DType, readonly DType[]>> = {
  float16: ['float32', 'float64'], bfloat16: ['float32', 'float64'], float32: ['float64'], float64: [],
  bool: ['int32', 'int64', 'float32'], uint8: ['int32', 'int64'], int8: ['int32', 'int64'], uint16: ['int32', 'int64'], int16: ['int32', 'int64'],
  int32: ['int64'], uint32: ['int64', 'uint64'], int64: [], uint64: ['int64'],
};

/** The kernels of one engine on one device, by operator; some have a mode behind their name. */
export class Kernels {
  readonly #table: ReadonlyMap<string, ReadonlySet<string>>;
  constructor(...tables: readonly Readonly<Record<string, string>>[]) {
    const sets = (name: string) => tables.map((t) => new Set((t[name] ?? '').split(' ')));
    this.#table = new Map(Object.keys(tables[0]).map((name) => [name, sets(name).reduce((a, b) => new Set([...a].filter((d) => b.has(d))))]));
  }

  has(op: string, dtype: DType): boolean {
    const known = this.#table.get(op);
    if (!known) throw new Error(`The table of kernels has no operator ${op}: add a probe to scripts/dtypes/probes.mjs.`);
    return known.has(dtype);
  }

  /** The dtype to compute `op` in, null where no kernel holds all values: then something else must stand for the operator. */
  find(op: string, dtype: DType): DType | null {
    const wider = WIDER[dtype].filter((d) => !(dtype === 'uint64' && d === 'int64' && ORDERED.has(op)));
    return [dtype, ...wider].find((d) => this.has(op, d)) ?? null;
  }

  /** As `find`, for operators that nothing stands for. */
  need(op: string, dtype: DType): DType {
    const found = this.find(op, dtype);
    if (!found) throw new TypeError(`The engine has no kernel of ${op} that keeps every value of ${dtype}: convert the operands with astype.`);
    return found;
  }
}

const made = new Map<string, Kernels>();
/** Those of an engine on a device; what all engines have, where the target is not in the table or not known: files for others. */
export function kernelsOf(engine?: string, device?: string): Kernels {
  const name = `${engine} ${device}`;
  const key = Object.hasOwn(TABLE, name) ? name : '';
  if (!made.has(key)) made.set(key, new Kernels(...(key ? [TABLE[key]] : Object.values(TABLE)).map((t) => t.kernels)));
  return made.get(key)!;
}

const PRODUCTS = new Set(['Conv', 'ConvTranspose', 'Gemm', 'MatMul']);
/**
 * What all engines have, but halves are computed in float32, with a cast to halves after every operator that rounds. An engine
 * without kernels of halves casts by itself too, and then takes two casts in a row away: of 0.9 · moment + gradient the product
 * would stay unrounded. Products and convolutions keep their halves, in which GPUs are fast.
 */
export function roundingKernels(): Kernels {
  const wide = (op: string, dtypes: string): string => (PRODUCTS.has(op) ? dtypes : dtypes.split(' ').filter((d) => d !== 'float16').join(' '));
  if (!made.has('rounding')) made.set('rounding', new Kernels(...Object.values(TABLE).map((t) => Object.fromEntries(Object.entries(t.kernels).map(([op, dtypes]) => [op, wide(op, dtypes)])))));
  return made.get('rounding')!;
}
