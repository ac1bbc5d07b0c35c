/** Trees on the hot path: taking apart and putting together along a structure that is known, without writing it down. */
import { setKey, type TreeDef } from './tree.js';

/** Collects the leaves of `x` in order if it has the structure `def`; false otherwise. */
export function matchTree(def: TreeDef, x: unknown, out: unknown[]): boolean {
  switch (def.kind) {
    case 'leaf': out.push(x); return x !== null && x !== undefined;
    case 'none': return x === null || x === undefined;
    case 'list': {
      if (!Array.isArray(x) || x.length !== def.children.length) return false;
      for (let i = 0; i < x.length; i++) if (!matchTree(def.children[i], x[i], out)) return false;
      return true;
    }
    case 'dict': {
      if (typeof x !== 'object' || x === null || Array.isArray(x)) return false;
      const keys = def.keys!;
      let n = 0;
      for (const k in x) { void k; n++; }
      if (n !== keys.length) return false;
      for (let i = 0; i < keys.length; i++) if (!matchTree(def.children[i], (x as Record<string, unknown>)[keys[i]], out)) return false;
      return true;
    }
    case 'node': {
      if (typeof x !== 'object' || x === null || !def.node!.is(x)) return false;
      const [children, aux] = def.node!.flatten(x as never);
      if (children.length !== def.children.length || (aux !== def.aux && JSON.stringify(aux) !== JSON.stringify(def.aux))) return false;
      for (let i = 0; i < children.length; i++) if (!matchTree(def.children[i], children[i], out)) return false;
      return true;
    }
  }
}

/** A function from a flat list to the tree whose leaves begin at `offset` there. Frozen trees have their parts without leaves made once. */
export function treeBuilder(def: TreeDef, offset: number, frozen = true): (leaves: readonly unknown[]) => any {
  if (def.kind === 'leaf') return (leaves) => leaves[offset];
  if (def.kind === 'none') return () => null;
  let at = offset;
  const parts = def.children.map((c) => { const part = treeBuilder(c, at, frozen); at += c.size; return part; });
  const make = (leaves: readonly unknown[]): unknown => {
    const children: unknown[] = [];
    for (let i = 0; i < parts.length; i++) children.push(parts[i](leaves));
    if (def.kind === 'list') return frozen ? Object.freeze(children) : children;
    if (def.kind === 'node') return def.node!.unflatten(def.aux, children);
    const out: Record<string, unknown> = {};
    for (let i = 0; i < parts.length; i++) setKey(out, def.keys![i], children[i]);
    return frozen ? Object.freeze(out) : out;
  };
  if (def.size > 0 || !frozen) return make;
  const empty = make([]);
  return () => empty;
}
