/** Losses that are operators. */
import { lax, nn, numpy as jnp, type Array } from '../../jax/index.js';
import type { Call, Operators } from '../call.js';

/** Minus the log-probability of each target, weighted and reduced as the node says. Features are axis 1. */
function negativeLogLikelihood(c: Call, logs: Array, targets: Array, weights: Array | null): Array {
  const classes = logs.shape[1];
  const ignored = c.attribute('ignore_index') ? lax.eq(targets, c.scalar(c.int('ignore_index', 0), targets)) : null;
  const safe = ignored ? lax.select(ignored, c.scalar(0, targets), targets) : targets;
  const hit = lax.eq(lax.expandDims(safe, [1]), lax.broadcastedIota(safe.dtype, logs.shape.map((_, i) => (i === 1 ? classes : 1)), 1));
  const picked = lax.reduceSum(lax.select(hit, logs, c.scalar(0, logs)), [1]);
  const given = weights ? jnp.take(weights, safe, { axis: 0, mode: 'clip' }) : jnp.ones(targets.shape, { dtype: logs.dtype });
  const each = ignored ? lax.select(ignored, c.scalar(0, given), given) : given;
  const loss = lax.neg(lax.mul(picked, each));
  const reduction = c.text('reduction', 'mean');
  if (reduction === 'none') return loss;
  return reduction === 'sum' ? jnp.sum(loss) : lax.div(jnp.sum(loss), jnp.sum(each));
}

export const LOSSES: Operators = {
  NegativeLogLikelihoodLoss: (c) => negativeLogLikelihood(c, c.x(0), c.x(1), c.opt(2)),
  SoftmaxCrossEntropyLoss: (c) => {
    const logs = nn.logSoftmax(c.x(0), { axis: 1 });
    return [negativeLogLikelihood(c, logs, c.x(1), c.opt(2)), logs];
  },
};
