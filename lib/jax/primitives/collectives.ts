/** Collectives: operations along an axis that `vmap` names. They exist until that `vmap` is applied. */
import { NDArray, aval, type Aval } from '../array.js';
import { axisSize, bind, withShape } from '../core.js';
import { ValueError } from '../../runtime/errors.js';
import { mul } from './arithmetic.js';
import { iota } from './indexing.js';
import { primitive, thunks, type Primitive } from './primitive.js';
import { reduceMax, reduceMin } from './reduce.js';
import { inFront, moveAxis, reduceSum } from './shape.js';

export interface Named { readonly axisName: string }

export function sizeOf(where: string, name: string): number {
  const size = axisSize(name);
  if (size === null) throw new ValueError(`${where}: no mapped axis is called '${name}' here; name one with vmap(f, { axisName: '${name}' }).`);
  return size;
}
const unbound = (name: string) => (): never => { throw new ValueError(`${name}: its named axis is not mapped; call it inside vmap with that axisName.`); };

/** A collective of one array: `inside` where it varies along the axis (in front), `alike` where it does not. */
function collective<P extends Named>(name: string, shape: (a: Aval, p: P) => Aval, vjp: Primitive<P>['vjp'], inside: (x: NDArray, p: P) => [NDArray, number | null], alike: (x: NDArray, size: number, p: P) => NDArray): Primitive<P> {
  const self: Primitive<P> = primitive({
    name,
    shape: ([a], p) => [shape(a, p)],
    vjp,
    batch: ([x], [at], p, mapped) => {
      if (p.axisName === mapped.name) {
        if (at === null) return [[alike(x, mapped.size, p)], [null]];
        const [y, out] = inside(moveAxis(x, at, 0), p);
        return [[y], [out]];
      }
      // Another axis is mapped: it goes behind what a collective adds or takes in front.
      const moved = moveAxis(x, at!, x.ndim - 1);
      const [y] = bind(self, [moved], p);
      return [[y], [y.ndim - 1]];
    },
    lower: unbound(name),
  });
  return self;
}

export const psumP: Primitive<Named> = collective('psum', (a) => a, thunks(() => psumP, (ct, _i, _o, p) => [() => bind(psumP, [ct], p)[0]]), (x) => [reduceSum(x, [0]), null], (x, n) => mul(x, n));
const extremum = (name: string, reduce: typeof reduceMax): Primitive<Named> => collective(name, (a) => a, null, (x) => [reduce(x, [0]), null], (x) => x);
export const pmaxP = extremum('pmax', reduceMax);
export const pminP = extremum('pmin', reduceMin);
/** Every element gets all of them, along a new leading axis. */
export const allGatherP: Primitive<Named & { size: number }> = collective('all_gather', (a, { size }) => aval([size, ...a.shape], a.dtype),
  thunks(() => allGatherP, (ct, _i, _o, p) => [() => bind(scatterSumP, [ct], p)[0]]), (x) => [x, null], (x, n) => inFront(x, null, n));
/** The transpose of `allGatherP`: the sum over the axis, of which each element takes its own row. */
const scatterSumP: Primitive<Named & { size: number }> = collective('psum_scatter', (a) => withShape(a, a.shape.slice(1)),
  thunks(() => scatterSumP, (ct, _i, _o, p) => [() => bind(allGatherP, [ct], p)[0]]), (x) => [reduceSum(x, [0]), 0], (x, n) => mul(x, n));
export const axisIndexP: Primitive<Named> = primitive({
  name: 'axis_index',
  shape: () => [aval([], 'int32')],
  vjp: null,
  batch: (_x, _a, _p, { size }) => [[iota('int32', [size])], [0]],
  lower: unbound('axisIndex'),
});
