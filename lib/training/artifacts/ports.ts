/** Batches on their way into the engine and results on their way out, with everything known beforehand worked out once. */
import { ConcreteArray, NDArray, Scalar, aval, expectConcrete, formatAval, type Aval } from '../../jax/array.js';
import { toArrayLeaf } from '../../jax/autodiff.js';
import { isFloat, isInteger } from '../../jax/dtypes.js';
import { matchTree, treeBuilder } from '../../jax/tree-fast.js';
import * as tree from '../../jax/tree.js';
import type { NativeTensor } from '../../runtime/addon.js';
import { DTYPES } from '../../runtime/dtypes.js';
import { encode } from '../../runtime/elements.js';
import { ShapeError, TypeError, ValueError } from '../../runtime/errors.js';
import type { PortRecord } from './manifest.js';
import type { Ports } from './load.js';
import type { PlainTree } from './names.js';

const show = (p: PortRecord): string => formatAval({ dtype: p.dtype, shape: p.shape as number[] });

/** Takes batches apart and checks them; a batch with the types of the one before is known to be right. */
export class BatchReader {
  readonly #def: tree.TreeDef;
  readonly #ports: readonly (PortRecord | undefined)[];
  readonly #order: readonly number[];
  readonly #checked: (Aval | null)[];

  /**
   * @param names the inputs in the engine's order
   * @param batch the tree of a batch whose leaves are numbered, with the inputs' names by number; without it a batch is a list
   */
  constructor(readonly where: string, readonly names: readonly string[], ports: Ports, batch?: { tree: PlainTree; inputs: readonly PortRecord[] }) {
    this.#def = tree.structure(batch ? batch.tree : names.map((_, i) => i));
    const leaves = batch ? batch.inputs.map((p) => p.name) : names;
    this.#order = names.map((name) => leaves.indexOf(name));
    this.#ports = leaves.map((name) => ports(name));
    this.#checked = leaves.map(() => null);
  }

  read(batch: unknown): NativeTensor[] {
    const leaves: unknown[] = [];
    if (!matchTree(this.#def, batch, leaves)) {
      tree.flattenUpTo(this.#def, batch, `${this.where}: the batch`);
      throw new ValueError(`${this.where}: the batch must have the inputs ${this.names.join(', ')}.`);
    }
    for (let i = 0; i < leaves.length; i++) {
      const leaf = leaves[i];
      if (leaf instanceof ConcreteArray && leaf.aval === this.#checked[i]) continue;
      this.#check(leaves);
      break;
    }
    const tensors: NativeTensor[] = [];
    for (const i of this.#order) {
      const array = leaves[i] as ConcreteArray;
      tensors.push({ dtype: array.aval.dtype, shape: array.aval.shape, data: array.memory });
    }
    return tensors;
  }

  #check(leaves: unknown[]): void {
    const sizes = new Map<string, { size: number; by: string }>();
    leaves.forEach((leaf, i) => {
      const port = this.#ports[i];
      const name = port?.name ?? this.names[i];
      const array = this.#concrete(leaf, port, name);
      leaves[i] = array;
      if (!port) return;
      const wrong = `${this.where}: the input '${name}' must be ${show(port)}, but is ${formatAval(array)}`;
      if (array.dtype !== port.dtype) throw new TypeError(`${wrong}; convert it with astype('${port.dtype}').`);
      if (array.ndim !== port.shape.length) throw new ShapeError(`${wrong}; give it rank ${port.shape.length}.`);
      port.shape.forEach((d, axis) => {
        const size = array.shape[axis];
        if (typeof d === 'number') {
          if (d !== size) throw new ShapeError(`${wrong}; its dimension ${axis} is fixed.`);
          return;
        }
        const known = sizes.get(d);
        if (known && known.size !== size) throw new ShapeError(`${wrong}; '${d}' is ${known.size} in '${known.by}', so it must be ${known.size} here.`);
        sizes.set(d, { size, by: name });
      });
    });
    leaves.forEach((leaf, i) => { this.#checked[i] = (leaf as ConcreteArray).aval; });
  }

  #concrete(leaf: unknown, port: PortRecord | undefined, name: string): ConcreteArray {
    const array: NDArray = toArrayLeaf(leaf, `${this.where}: the input '${name}'`);
    // A JavaScript number is whatever the input wants, unless that would change its value.
    const fits = array instanceof Scalar && array.weakType && port && (isFloat(port.dtype) || (isInteger(port.dtype) && Number.isInteger(Number(array.value))));
    if (fits) return new ConcreteArray(aval([], port.dtype), encode(port.dtype, [array.value]));
    return expectConcrete(array, `${this.where}: the input '${name}'`);
  }
}

/** Makes arrays of what a step returns; outputs whose size is known are written straight into their memory. */
export class ResultReader<T> {
  readonly #avals: readonly (Aval | null)[];
  readonly #bytes: readonly number[];
  readonly #anyFixed: boolean;

  constructor(names: readonly string[], ports: Ports, readonly build: (arrays: readonly ConcreteArray[]) => T) {
    this.#avals = names.map((name) => {
      const port = ports(name);
      return port && port.shape.every((d) => typeof d === 'number') ? aval(port.shape as number[], port.dtype) : null;
    });
    this.#bytes = this.#avals.map((a) => (a ? a.shape.reduce((n, d) => n * d, DTYPES[a.dtype].size) : 0));
    this.#anyFixed = this.#avals.some((a) => a !== null);
  }

  /** Memory for the outputs of one step, in which the engine writes. */
  allocate(): (NativeTensor | null)[] | undefined {
    if (!this.#anyFixed) return undefined;
    return this.#avals.map((a, i) => a && { dtype: a.dtype, shape: a.shape, data: new ArrayBuffer(this.#bytes[i]) });
  }

  read(results: readonly NativeTensor[]): T {
    return this.build(results.map((r, i) => new ConcreteArray(this.#avals[i] ?? aval(r.shape, r.dtype), r.data)));
  }
}

/** A function from a list of arrays to a tree whose leaves are numbered; the first is at `offset`. */
export const numbered = (x: PlainTree, offset: number): ((leaves: readonly unknown[]) => any) => treeBuilder(tree.structure(x), offset);
