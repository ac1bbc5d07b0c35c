/** Small fused nodes and products of one thread become one node where nothing of the engine's stands between them. */
import type { Graph, GraphNode, GraphValue } from './graph.js';

/** A sequence keeps all that lies between its steps until its end. */
const MOST = 64;
const KINDS: Readonly<Record<string, number>> = { Fused: 0, Product: 1 };

/** What a node reads, through its inner graphs too: they see the values around them. */
function reads(node: GraphNode): string[] {
  const inner = Object.values(node.attributes).flatMap((a) => (typeof a === 'object' && 'graph' in a ? [...a.graph.nodes.flatMap(reads), ...a.graph.outputs.map((o) => o.name)] : []));
  return [...node.inputs, ...inner];
}

/** Gathers a graph's small nodes, in place. Its dimensions are known, and one thread is enough for it. */
export function gatherSequences(graph: Graph): void {
  const types = new Map<string, GraphValue>([...graph.values, ...graph.outputs].map((v) => [v.name, v]));
  const known = (name: string): boolean => types.get(name)?.shape.every((d) => typeof d === 'number') === true;
  const ours = (n: GraphNode): boolean => n.domain === 'hokku' && n.op in KINDS && n.outputs.every(known) && !n.inputs.includes('');
  const read = new Map(graph.nodes.map((n) => [n, new Set(reads(n))]));
  const maker = new Map(graph.nodes.flatMap((n) => n.outputs.map((name): [string, GraphNode] => [name, n])));
  const users = new Map<GraphNode, GraphNode[]>(graph.nodes.map((n) => [n, []]));
  const missing = new Map<GraphNode, number>();
  const ready: [GraphNode[], GraphNode[]] = [[], []];
  const arrive = (n: GraphNode) => ready[Number(ours(n))].push(n);
  for (const [n, names] of read) {
    const makers = new Set([...names].flatMap((name) => maker.get(name) ?? []));
    missing.set(n, makers.size);
    makers.forEach((m) => users.get(m)!.push(n));
    if (makers.size === 0) arrive(n);
  }
  const runs: GraphNode[][] = [];
  // All that is ready of one kind, then of the other: so there are few changes between them.
  for (let turn = 0; ready[0].length || ready[1].length; turn = 1 - turn) {
    const run = ready[turn];
    // Longer while it is gone through.
    for (const n of run) {
      for (const user of users.get(n)!) {
        missing.set(user, missing.get(user)! - 1);
        if (missing.get(user) === 0) arrive(user);
      }
    }
    ready[turn] = [];
    runs.push(run);
  }
  const parts = runs.flatMap((run, i) => (i % 2 ? Array.from({ length: Math.ceil(run.length / MOST) }, (_, k) => run.slice(k * MOST, (k + 1) * MOST)) : run.map((n) => [n])));
  const out = new Set(graph.outputs.map((o) => o.name));
  const readers = new Map<string, number>();
  parts.forEach((part, i) => { for (const n of part) for (const name of read.get(n)!) readers.set(name, i); });
  graph.nodes.length = 0;
  parts.forEach((part, i) => {
    if (part.length === 1) { graph.nodes.push(part[0]); return; }
    const made = part.flatMap((n) => n.outputs);
    const inputs = [...new Set(part.flatMap((n) => n.inputs).filter((name) => !made.includes(name)))];
    const outputs = made.filter((name) => out.has(name) || (readers.get(name) ?? 0) > i);
    const index = new Map([...inputs, ...made].map((name, k) => [name, k]));
    const steps: (number | bigint)[] = [part.length];
    for (const { op, inputs: from, outputs: to, attributes: a } of part) {
      const told = op === 'Fused' ? a.program as readonly bigint[] : [a.transA, a.transB, a.relu, a.masked] as number[];
      steps.push(KINDS[op], from.length, ...from.map((name) => index.get(name)!), to.length, told.length, ...told);
    }
    graph.nodeWithOutputs('Sequence', inputs, outputs, { steps: steps.map(BigInt), outputs: outputs.map((name) => index.get(name)!) }, 'hokku');
  });
}
