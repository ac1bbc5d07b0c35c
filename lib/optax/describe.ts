/** What an optimizer is, for those who write it down: its kind, its options, and how to make it again at another rate. */
import type { GradientTransformation, Scalar } from './base.js';

/** An optimizer whose learning rate is a plain number. */
export interface Description {
  /** `sgd`, `adam`, `adamw`, or the combinator around one of them. */
  readonly kind: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly learningRate: number;
  /** The same optimizer with another rate, which may be traced. Its state has the same structure. */
  withLearningRate(rate: Scalar): GradientTransformation;
}

const descriptions = new WeakMap<GradientTransformation, Description>();

/** Attaches a description, which nobody sees who does not ask for it. */
export function describe<T extends GradientTransformation>(transformation: T, description: Description | undefined): T {
  if (description) descriptions.set(transformation, description);
  return transformation;
}

/** The description of an optimizer; undefined where it has no single learning rate that is a number. */
export const descriptionOf = (transformation: GradientTransformation): Description | undefined => descriptions.get(transformation);

/** The description of something made of `parts`, of which exactly one has a rate. */
export function describeOneOf(kind: string, parts: readonly GradientTransformation[], rebuild: (parts: GradientTransformation[]) => GradientTransformation): Description | undefined {
  const known = parts.flatMap((part, at) => { const inner = descriptionOf(part); return inner ? [{ at, inner }] : []; });
  if (known.length !== 1) return undefined;
  const [{ at, inner }] = known;
  return {
    kind, options: { of: { kind: inner.kind, options: inner.options } }, learningRate: inner.learningRate,
    withLearningRate: (rate) => rebuild(parts.map((part, i) => (i === at ? inner.withLearningRate(rate) : part))),
  };
}
