/**
 * Fused nodes over the same rows become one, where the later ones need what the earlier ones found out about a row: a row is normalised
 * by its mean and its variance while it is in the cache, where three nodes would read all rows from memory three times.
 */
import { isLiteral, type Loop, type Step } from './fusion.js';
import { made, reads, replacePair, shapeOf } from './merge.js';
import { dims, type Shape } from '../jax/dims.js';

type Fused = Extract<Step, { kind: 'fused' }>;
type Rows = NonNullable<Fused['rows']>;

/** How many steps apart two nodes may stand. */
const NEAR = 16;
/** Longer rows leave the cache between two loops. */
const LONGEST = 2 ** 16;
/** Where there is work for several threads, there are rows for them. */
const [FEW, SMALL] = [32, 2 ** 15];

const kept = ({ full, axes }: Rows): Shape => full.map((d, i) => (i < full.length - axes ? d : 1));
const bare = ({ full, axes }: Rows): Shape => full.slice(0, full.length - axes);

/** The rows that a node's sums are over, if they are all sums of rows, or it is a part of a node that they belong to. */
function rowsOf(step: Fused): Rows | null {
  if (step.rows) return step.rows;
  const [sum] = step.loops.flatMap((l) => l.stores).filter((s) => s.sumOf);
  if (!sum || !dims.isStatic(sum.sumOf!.aval.shape)) return null;
  const [kind, axes, full] = [sum.sum! % 256, sum.sum! >> 8, sum.sumOf!.aval.shape];
  const rows = dims.size(full.slice(0, full.length - axes)) as number;
  const width = dims.size(full.slice(full.length - axes)) as number;
  if (kind < 4 || width > LONGEST || rows === 0 || width === 0 || (rows < FEW && rows * width > SMALL)) return null;
  return { full, axes };
}

/** Whether each row of the loops' results follows from that row of what `before` makes, and from whatever else is there. */
function fits(loops: readonly Loop[], rows: Rows, before: readonly Loop[]): boolean {
  const [wide, single] = [rows.full, kept(rows)];
  const inside = new Set(before.flatMap((l) => l.stores.map((s) => s.atom)));
  return loops.every((loop) => {
    const shape = shapeOf(loop);
    const isWide = dims.equalShapes(shape, wide);
    if (!isWide && ![single, bare(rows)].some((s) => dims.equalShapes(shape, s))) return false;
    if (loop.stores.some((s) => s.inPlace || (s.sumOf && (s.sum! % 256 < 4 || s.sum! >> 8 !== rows.axes || !isWide)))) return false;
    const loads = [...loop.equations.flatMap((e) => e.inputs), ...loop.stores.map((s) => s.sumOf ?? s.atom)];
    return loads.every((a) => isLiteral(a) || !inside.has(a) || dims.equalShapes(a.aval.shape, shape) || (isWide && dims.equalShapes(a.aval.shape, single)));
  });
}

/** Joins nodes over the same rows, each with the nearest before it that it reads. */
export function mergeRows(steps: readonly Step[]): Step[] {
  const merged = [...steps];
  for (let j = 1; j < merged.length; j++) {
    const b = merged[j];
    if (b.kind !== 'fused') continue;
    for (let i = j - 1; i >= Math.max(0, j - NEAR); i--) {
      const a = merged[i];
      if (a.kind !== 'fused' || !reads(b, made(a))) continue;
      const rows = rowsOf(a);
      if (!rows || !fits(a.loops, rows, []) || !fits(b.loops, rows, a.loops)) continue;
      const at = replacePair(merged, i, j, () => ({ kind: 'fused', loops: [...a.loops, ...b.loops], barrier: [], rows }));
      if (at === null) continue;
      j = at;
      break;
    }
  }
  return merged;
}
