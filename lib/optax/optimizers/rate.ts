/** What every optimizer with a learning rate has in common. */
import type { GradientTransformation, Scalar, ScalarOrSchedule } from '../base.js';
import { describe } from '../describe.js';

/** An optimizer made for a rate; with a number as rate it can be written down, and made again at another one. */
export function withRate<R extends ScalarOrSchedule | null | undefined>(
  kind: string, learningRate: R, options: object | undefined, make: (rate: R | Scalar) => GradientTransformation,
): GradientTransformation {
  const description = { kind, options: { ...options } as Record<string, unknown>, learningRate: learningRate as number, withLearningRate: (rate: Scalar) => make(rate) };
  return describe(make(learningRate), typeof learningRate === 'number' ? description : undefined);
}
