/** The zoom line search for the strong Wolfe conditions, after `optax._src.linesearch`. */
import { lax, numpy as jnp, valueAndGrad, type Array } from '../../jax/index.js';
import { ValueError } from '../../runtime/errors.js';
import { checkScalar, materialize, namedTuple, type GradientTransformation, type Params, type Updates } from '../base.js';
import { withDefaults } from '../options.js';
import { treeCastLike } from '../tree/dtypes.js';
import { treeAddScale, treeScale, treeVdot, treeWhere, treeZerosLike } from '../tree/math.js';
import { atLeastZero, dtypeOf, infinite, requireSearch } from './linesearch.js';

export const ZoomLinesearchInfo = namedTuple<{ numLinesearchSteps: Array; decreaseError: Array; curvatureError: Array }>(
  'ZoomLinesearchInfo', ['numLinesearchSteps', 'decreaseError', 'curvatureError']);
export const ScaleByZoomLinesearchState = namedTuple<{ learningRate: Array; value: Array; grad: Updates; info: any }>('ScaleByZoomLinesearchState', ['learningRate', 'value', 'grad', 'info']);

export interface ZoomOptions {
  maxLearningRate?: number | null;
  /** How far the conditions may be missed (0). */
  tol?: number;
  /** A step size's factor while an interval is looked for (2). */
  increaseFactor?: number;
  /** What part of the slope's promise must be kept (1e-4), and of the slope may be left (0.9). */
  slopeRtol?: number;
  curvRtol?: number;
  /** How much the loss may rise, relative to itself, where the slope alone decides (1e-6); null never. */
  approxDecRtol?: number | null;
  /** An interval as short as this is given up (1e-5). */
  stepsizePrecision?: number;
  /** The first step size: the last search's (`keep`) or 1 (`one`). */
  initialGuessStrategy?: 'keep' | 'one';
}
const ZOOM: Required<ZoomOptions> = {
  maxLearningRate: null, tol: 0, increaseFactor: 2, slopeRtol: 1e-4, curvRtol: 0.9, approxDecRtol: 1e-6, stepsizePrecision: 1e-5, initialGuessStrategy: 'keep',
};

/** A point on the line: step size, loss, slope. */
interface Point { at: Array; value: Array; slope: Array }
interface Search {
  count: Array; point: Point; grad: Updates; decreaseError: Array; curvatureError: Array;
  intervalFound: Array; done: Array; failed: Array;
  low: Point; high: Point; cubicAt: Array; cubicValue: Array; safeAt: Array; safeValue: Array; safeGrad: Updates;
}

/** Where the cubic through a (with its slope), b and c is least. */
function cubicMin(a: Point, b: Point, cAt: Array, cValue: Array): Array {
  const [db, dc] = [b.at.sub(a.at), cAt.sub(a.at)];
  const [rb, rc] = [b.value.sub(a.value).sub(a.slope.mul(db)), cValue.sub(a.value).sub(a.slope.mul(dc))];
  const below = jnp.square(db.mul(dc)).mul(db.sub(dc));
  const cube = (x: Array): Array => x.mul(x).mul(x);
  const A = jnp.square(dc).mul(rb).sub(jnp.square(db).mul(rc)).div(below);
  const B = cube(db).mul(rc).sub(cube(dc).mul(rb)).div(below);
  return a.at.add(jnp.sqrt(B.mul(B).sub(A.mul(3).mul(a.slope))).sub(B).div(A.mul(3)));
}
/** Where the parabola through a (with its slope) and b is least. */
function quadraticMin(a: Point, b: Point): Array {
  const db = b.at.sub(a.at);
  return a.at.sub(a.slope.div(b.value.sub(a.value).sub(a.slope.mul(db)).div(jnp.square(db)).mul(2)));
}

/**
 * Multiplies the updates by a step size that fulfils the strong Wolfe conditions, or the approximate ones: first an interval
 * with such a step is found, then it is made smaller by cubic and quadratic interpolation. The update needs `value`, `grad`
 * and `valueFn`. As `optax.scale_by_zoom_linesearch`. Nocedal and Wright, Numerical Optimization, algorithms 3.5 and 3.6;
 * Hager and Zhang, Algorithm 851, 2006.
 *
 * @example
 * const tx = optax.chain(optax.sgd(1), optax.scaleByZoomLinesearch(15));
 * const valueFn = (p) => optax.tree.norm(p, { squared: true });
 * const [updates] = tx.update(grads, tx.init(params), params, { value: valueFn(params), grad: grads, valueFn });
 */
export function scaleByZoomLinesearch(maxLinesearchSteps: number, options?: ZoomOptions): GradientTransformation {
  const where = 'optax.scaleByZoomLinesearch';
  const o = withDefaults(where, options, ZOOM, ['approxDecRtol']);
  checkScalar(where, 'maxLinesearchSteps', maxLinesearchSteps);
  if (o.initialGuessStrategy !== 'keep' && o.initialGuessStrategy !== 'one') throw new ValueError(`${where}: initialGuessStrategy must be 'keep' or 'one', but got '${String(o.initialGuessStrategy)}'.`);

  const decreaseError = (p: Point, value0: Array, slope0: Array): Array => {
    const exact = p.value.sub(value0).sub(p.at.mul(o.slopeRtol).mul(slope0));
    if (o.approxDecRtol === null) return atLeastZero(exact);
    const bySlope = jnp.maximum(p.slope.sub(slope0.mul(2 * o.slopeRtol - 1)), p.value.sub(value0).sub(jnp.abs(value0).mul(o.approxDecRtol)));
    return atLeastZero(jnp.minimum(bySlope, exact));
  };
  const curvatureError = (p: Point, slope0: Array): Array => atLeastZero(jnp.abs(p.slope).sub(jnp.abs(slope0).mul(o.curvRtol)));
  const choose = <T>(condition: Array, x: T, y: T): T => treeWhere(condition, x, y);

  return {
    init(params) {
      const dtype = dtypeOf(params);
      return new ScaleByZoomLinesearchState({
        learningRate: jnp.ones([], { dtype }), value: infinite(dtype), grad: treeZerosLike(params),
        info: new ZoomLinesearchInfo({ numLinesearchSteps: jnp.zeros([], { dtype: 'int32' }), decreaseError: infinite(), curvatureError: infinite() }),
      });
    },
    update(given, state, params: Params, extraArgs) {
      const { value, grad, valueFn } = requireSearch(where, params, extraArgs);
      const updates = materialize(given);
      const { dtype } = value;
      const slope0 = treeVdot(updates, grad).astype(dtype);
      const zero = jnp.zeros([], { dtype });
      const guess = o.initialGuessStrategy === 'one' ? jnp.ones([], { dtype }) : state.learningRate.astype(dtype);
      const start: Point = { at: zero, value, slope: slope0 };
      const no = jnp.zeros([], { dtype: 'bool' });
      const begin: Search = {
        count: jnp.zeros([], { dtype: 'int32' }), point: start, grad, decreaseError: infinite(dtype), curvatureError: infinite(dtype), intervalFound: no, done: no, failed: no,
        low: start, high: start, cubicAt: zero, cubicValue: value, safeAt: zero, safeValue: value, safeGrad: grad,
      };
      const evaluate = (at: Array): [Point, Updates] => {
        const [v, g] = valueAndGrad(valueFn)(treeAddScale(params, at, updates));
        return [{ at, value: v.astype(dtype), slope: treeVdot(g, updates).astype(dtype) }, treeCastLike(g, grad)];
      };
      const last = (s: Search): Array => s.count.add(1).ge(maxLinesearchSteps);
      const measured = (s: Search, at: Array, isSafer: (p: Point) => Array) => {
        const [point, newGrad] = evaluate(at);
        const [missed, curved] = [decreaseError(point, value, slope0), curvatureError(point, slope0)];
        const safe = jnp.logicalAnd(missed.le(o.tol), isSafer(point));
        const [safeAt, safeValue, safeGrad] = choose(safe, [point.at, point.value, newGrad], [s.safeAt, s.safeValue, s.safeGrad]) as [Array, Array, Updates];
        return { point, grad: newGrad, decreaseError: missed, curvatureError: curved, safeAt, safeValue, safeGrad, fits: jnp.maximum(missed, curved).le(o.tol) };
      };

      const findInterval = (s: Search): Search => {
        const wanted = jnp.where(s.count.eq(0), guess, s.point.at.mul(o.increaseFactor));
        const most = o.maxLearningRate === null ? no : wanted.ge(o.maxLearningRate);
        const { fits, ...next } = measured(s, o.maxLearningRate === null ? wanted : jnp.minimum(wanted, o.maxLearningRate), () => jnp.logicalNot(no));
        const isHigh = jnp.logicalOr(next.decreaseError.gt(0), jnp.logicalAnd(next.point.value.ge(s.point.value), s.count.gt(0)));
        const isLow = jnp.logicalAnd(next.point.slope.ge(0), jnp.logicalNot(isHigh));
        const [low, high] = choose(isLow, [next.point, s.point], [s.point, next.point]) as [Point, Point];
        const intervalFound = jnp.logicalOr(jnp.logicalOr(isHigh, isLow), fits);
        const done = jnp.logicalOr(fits, jnp.logicalAnd(most, jnp.logicalNot(intervalFound)));
        return { ...next, count: s.count.add(1), intervalFound, done, failed: jnp.logicalAnd(last(s), jnp.logicalNot(done)), low, high, cubicAt: low.at, cubicValue: low.value };
      };

      const zoom = (s: Search): Search => {
        const { low, high } = s;
        const delta = jnp.abs(high.at.sub(low.at));
        const [left, right] = [jnp.minimum(high.at, low.at), jnp.maximum(high.at, low.at)];
        const within = (at: Array, share: number): Array => jnp.logicalAnd(at.gt(left.add(delta.mul(share))), at.lt(right.sub(delta.mul(share))));
        const [cubic, quadratic] = [cubicMin(low, high, s.cubicAt, s.cubicValue), quadraticMin(low, high)];
        const middle = jnp.where(within(cubic, 0.2), cubic, jnp.where(within(quadratic, 0.1), quadratic, low.at.add(high.at).div(2)));
        const { fits, ...next } = measured(s, middle, (p) => p.value.lt(s.safeValue));
        const toHigh = jnp.logicalOr(next.decreaseError.gt(0), next.point.value.ge(low.value));
        const lowToHigh = jnp.logicalAnd(next.point.slope.mul(high.at.sub(low.at)).ge(0), jnp.logicalNot(toHigh));
        const newHigh = choose(lowToHigh, low, choose(toHigh, next.point, high));
        const [cubicAt, cubicValue] = choose(jnp.logicalOr(toHigh, lowToHigh), [high.at, high.value], [low.at, low.value]) as [Array, Array];
        const hopeless = jnp.logicalOr(last(s), jnp.logicalAnd(delta.le(o.stepsizePrecision), next.safeAt.gt(0)));
        return {
          ...next, count: s.count.add(1), intervalFound: s.intervalFound, done: fits, failed: jnp.logicalAnd(hopeless, jnp.logicalNot(fits)),
          low: choose(toHigh, low, next.point), high: newHigh, cubicAt, cubicValue,
        };
      };

      const found = lax.whileLoop(
        (s: Search) => jnp.logicalNot(jnp.logicalOr(s.done, s.failed)),
        (s: Search) => lax.cond(s.intervalFound, zoom, findInterval, s), begin) as Search;
      // After a failure the best step that decreased the loss enough stands in, or the last one that gave a number.
      const retreat = jnp.logicalAnd(found.failed, jnp.logicalOr(found.safeAt.gt(0), jnp.isinf(found.decreaseError)));
      const [at, finalValue, finalGrad] = choose(retreat, [found.safeAt, found.safeValue, found.safeGrad], [found.point.at, found.point.value, found.grad]) as [Array, Array, Updates];
      const learningRate = at.astype(state.learningRate.dtype);
      return [treeScale(learningRate, updates), new ScaleByZoomLinesearchState({
        learningRate, value: finalValue.astype(state.value.dtype), grad: treeCastLike(finalGrad, state.grad),
        info: new ZoomLinesearchInfo({
          numLinesearchSteps: found.count, decreaseError: found.decreaseError.astype('float32'), curvatureError: found.curvatureError.astype('float32'),
        }),
      })];
    },
  };
}
