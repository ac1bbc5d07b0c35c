/** What loops and branches share: programs as graphs inside a node, and properties that go around a loop. */
import type { Graph } from '../../../lowering/graph.js';
import { lowerProgram } from '../../../lowering/lower.js';
import type { Jaxpr } from '../../core.js';

/** Grows `marks` along a loop's carries until one more turn of the body marks nothing new. */
export function aroundTheLoop(marks: readonly boolean[], from: number, count: number, body: (marks: readonly boolean[]) => readonly boolean[]): boolean[] {
  for (let now = [...marks]; ;) {
    const out = body(now);
    const next = now.map((m, i) => m || (i >= from && i < from + count && out[i - from]));
    if (next.every((m, i) => m === now[i])) return now;
    now = next;
  }
}

/** Writes a program into a graph inside a node and declares its results, each made there by a node of its own. */
export function writeInner(inner: Graph, jaxpr: Jaxpr, names: readonly string[]): void {
  const results = lowerProgram(inner, jaxpr, names).outputs as string[];
  results.forEach((name, k) => {
    const own = inner.nodes.some((n) => n.outputs.includes(name)) && !inner.outputs.some((o) => o.name === name);
    const { dtype, shape } = jaxpr.outputs[k].aval;
    inner.output(own ? name : inner.node('Identity', [name]), dtype, shape);
  });
}
