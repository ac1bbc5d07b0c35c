/** Jacobians and Hessians: derivatives along every direction of a basis, mapped over it at once. */
import { TypeError } from '../runtime/errors.js';
import { formatAval, type NDArray } from './array.js';
import { checkFunction, flattenArgs, vjp, type Fn } from './autodiff.js';
import { vmap } from './batching.js';
import { isFloat } from './dtypes.js';
import { jvp } from './forward.js';
import { eye, reshape, split } from './numpy/index.js';
import * as tree from './tree.js';

export interface JacobianOptions { argnums?: number | readonly number[]; hasAux?: boolean }

/** The unit tangents of a tree, one row of the leading axis for each of its elements. */
function basis(leaves: readonly NDArray[], def: tree.TreeDef): unknown {
  const sizes = leaves.map((x) => x.size);
  const total = sizes.reduce((a, b) => a + b, 0);
  const ends = sizes.map((_, i) => sizes.slice(0, i + 1).reduce((a, b) => a + b, 0)).slice(0, -1);
  const columns = leaves.length === 1 ? [eye(total, { dtype: leaves[0].dtype })] : split(eye(total), ends, { axis: 1 });
  return tree.unflatten(def, leaves.map((x, i) => reshape(columns[i].astype(x.dtype), [total, ...x.shape])));
}

/** Cuts one axis of derivatives, of all elements of a tree, into a tree of arrays with the leaves' axes there. */
function cut(x: NDArray, axis: number, leaves: readonly NDArray[], def: tree.TreeDef): unknown {
  let at = 0;
  const rest = x.shape;
  return tree.unflatten(def, leaves.map((leaf) => {
    const part = x.index(...rest.slice(0, axis).map(() => ({})), { start: at, stop: (at += leaf.size) });
    return reshape(part, [...rest.slice(0, axis), ...leaf.shape, ...rest.slice(axis + 1)]);
  }));
}

function chosen(args: readonly unknown[], argnums: number | readonly number[], where: string): { at: number[]; leaves: NDArray[]; def: tree.TreeDef; one: boolean } {
  const one = typeof argnums === 'number';
  const at = (one ? [argnums] : [...argnums]).map((n) => (n < 0 ? n + args.length : n));
  const { leaves, def } = flattenArgs(one ? (args[at[0]] as never) : at.map((n) => args[n]), where);
  const wrong = leaves.find((x) => !isFloat(x.dtype));
  if (wrong) throw new TypeError(`${where}: expected floating-point inputs, got ${formatAval(wrong)}; convert it with astype('float32').`);
  return { at, leaves, def, one };
}
const replaced = (args: readonly unknown[], at: readonly number[], one: boolean, value: any): unknown[] => args.map((a, i) => (at.includes(i) ? (one ? value : value[at.indexOf(i)]) : a));

/** The Jacobian by forward mode: for each output a tree like the argument, of shape output's axes, then input's. As `jax.jacfwd`. */
export function jacfwd(f: Fn, { argnums = 0, hasAux = false }: JacobianOptions = {}): Fn {
  checkFunction(f, 'jacfwd');
  return (...args) => {
    const { at, leaves, def, one } = chosen(args, argnums, 'jacfwd');
    const point = tree.unflatten(def, leaves);
    let aux: any;
    const push = (t: unknown) => {
      const [value, tangent] = jvp((x: any) => f(...replaced(args, at, one, x)), [point], [t]);
      return hasAux ? [tangent[0], value[1]] : [tangent, null];
    };
    const [rows, carried] = vmap(push, { outAxes: hasAux ? [-1, null] : -1 })(basis(leaves, def));
    if (hasAux) aux = carried;
    const jacobian = tree.map((x: NDArray) => cut(x, x.ndim - 1, leaves, def), rows);
    return hasAux ? [jacobian, aux] : jacobian;
  };
}

/** The Jacobian by reverse mode. As `jax.jacrev`. */
export function jacrev(f: Fn, { argnums = 0, hasAux = false }: JacobianOptions = {}): Fn {
  checkFunction(f, 'jacrev');
  return (...args) => {
    const { at, leaves, def, one } = chosen(args, argnums, 'jacrev');
    const g = (x: any) => f(...replaced(args, at, one, x));
    const [value, pull] = vjp((x: any) => (hasAux ? g(x)[0] : g(x)), tree.unflatten(def, leaves));
    const [outs, outDef] = tree.flatten(value) as [NDArray[], tree.TreeDef];
    const rows = vmap((ct: unknown) => pull(ct)[0])(basis(outs, outDef));
    // Rows are cut by output; each output's entry is a tree like the argument.
    const parts = tree.leaves(rows).map((x) => tree.leaves(cut(x as NDArray, 0, outs, outDef)));
    const jacobian = tree.unflatten(outDef, outs.map((_, k) => tree.unflatten(def, parts.map((p) => p[k]))));
    return hasAux ? [jacobian, g(tree.unflatten(def, leaves))[1]] : jacobian;
  };
}
export { jacrev as jacobian };

/** The second derivatives: forward over reverse. As `jax.hessian`. */
export function hessian(f: Fn, options: JacobianOptions = {}): Fn { return jacfwd(jacrev(f, options), options); }
