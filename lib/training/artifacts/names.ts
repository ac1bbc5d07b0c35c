/** Names of tensors in artifacts: what the engine reads out of names, nobody else may use. */
import { tree, type Array } from '../../jax/index.js';
import { TypeError, ValueError } from '../../runtime/errors.js';

export const bufferName = (parameter: string): string => `${parameter}_grad.accumulation.buffer`;
export const accumulatedName = (parameter: string): string => `${parameter}_grad.accumulation.out`;
export const RESET = 'lazy_reset_grad';

/** The engine takes inputs and outputs with these endings for gradients. */
const ENDINGS = ['_grad.accumulation.buffer', '_grad.accumulation.out', '_grad'];

/** Refuses names that the engine would take for something else, and names that occur twice. */
export class NameBook {
  readonly #seen: Map<string, string>;
  constructor(seen?: ReadonlyMap<string, string>) { this.#seen = new Map(seen); }
  copy(): NameBook { return new NameBook(this.#seen); }

  /** @param what says in errors what carries the name, e.g. `the parameter` */
  claim(name: string, what: string): string {
    const shown = `${what} '${name}'`;
    if (name === '') throw new ValueError(`generateArtifacts: ${what} has an empty name, which ONNX Runtime's files cannot hold; name it.`);
    if (name === RESET) throw new ValueError(`generateArtifacts: ${shown} has the name of the engine's own reset flag; rename it.`);
    const ending = ENDINGS.find((e) => name.endsWith(e));
    if (ending) throw new ValueError(`generateArtifacts: ${shown} ends in '${ending}', which the engine takes for a gradient; rename it.`);
    const before = this.#seen.get(name);
    if (before) throw new ValueError(`generateArtifacts: ${before} and ${what} are both named '${name}'; rename one of them.`);
    this.#seen.set(name, what);
    return name;
  }
}

/** One leaf of a tree with the labels that lead to it; fields of named tuples by their names. */
export interface Labelled { readonly labels: readonly string[]; readonly leaf: Array }

export function labelled(x: unknown): Labelled[] {
  const out: Labelled[] = [];
  const walk = (node: unknown, labels: readonly string[]): void => {
    const def = tree.structure(node, (y) => y !== node);
    if (def.kind === 'none') return;
    if (def.kind === 'leaf') { out.push({ labels, leaf: node as Array }); return; }
    for (const [label, child] of childrenOf(node, def)) walk(child, [...labels, label]);
  };
  walk(x, []);
  return out;
}

function childrenOf(node: unknown, def: tree.TreeDef): [string, unknown][] {
  if (def.kind === 'dict') return def.keys!.map((k) => [k, (node as Record<string, unknown>)[k]]);
  if (def.kind === 'list') return (node as unknown[]).map((child, i) => [String(i), child]);
  const [children] = def.node!.flatten(node as never);
  // Named tuples keep their fields in the order of their children.
  const fields = Object.entries(node as object);
  return children.map((child, i) => [fields.length === children.length && fields[i][1] === child ? fields[i][0] : String(i), child]);
}

/**
 * The name of a batch input or of an output: its path, with `prefix` before a path that begins with a number, and `prefix`
 * alone for a tree that is one array. So the batch `[x, y]` has the inputs `x0` and `x1`, and `{ image, label }` has `image`
 * and `label`.
 */
export const pathName = (prefix: string, labels: readonly string[]): string =>
  (labels.length === 0 || /^\d/.test(labels[0]) ? prefix : '') + labels.join('/');

/** A tree of lists and plain objects with numbers for its leaves: what JSON can hold. */
export type PlainTree = null | number | readonly PlainTree[] | { readonly [key: string]: PlainTree };

/** The structure of a tree as JSON; leaf `i` is the number `i`. */
export function plainTree(def: tree.TreeDef, what: string): PlainTree {
  const check = (d: tree.TreeDef): void => {
    if (d.kind === 'node') throw new TypeError(`generateArtifacts: ${what} holds a ${d.node!.name}, which files cannot describe; use lists and plain objects.`);
    d.children.forEach(check);
  };
  check(def);
  return tree.unflatten(def, [...globalThis.Array(def.size).keys()]) as PlainTree;
}
