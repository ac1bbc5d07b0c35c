/** Alternating rounds: a noisy neighbour then disturbs all contenders alike. */
import type { Contender } from './protocol.js';

export interface Measurement {
  contender: string;
  variant: string;
  /** Microseconds of the first step, compilation included. */
  first: number;
  /** Microseconds per step, over the rounds. */
  min: number;
  median: number;
  rounds: number[];
  steps: number;
  /** Peak resident bytes of the whole process, all its variants together. */
  memory: number;
}

export interface Plan { rounds: number, roundMs: number }

/**
 * Measures every variant that `only` allows, of every contender, in turn, `rounds` times. Variants of one name follow each
 * other, since they are compared.
 */
export async function measure(contenders: Contender[], plan: Plan, only: RegExp, progress: (text: string) => void): Promise<Measurement[]> {
  const names = [...new Set(contenders.flatMap((contender) => contender.variants))].filter((variant) => only.test(variant));
  const lanes = names.flatMap((variant) => contenders.filter((c) => c.variants.includes(variant)).map((contender) => ({ contender, variant })));
  const results: Measurement[] = [];
  for (const { contender, variant } of lanes) {
    progress(`${contender.name} ${variant}: warming up`);
    const first = await contender.run(variant, 1) / 1e3;
    const steps = await calibrate(contender, variant, plan.roundMs);
    results.push({ contender: contender.name, variant, first, min: NaN, median: NaN, rounds: [], steps, memory: NaN });
  }
  for (let round = 0; round < plan.rounds; round++) {
    for (const [i, { contender, variant }] of lanes.entries()) {
      progress(`round ${round + 1} of ${plan.rounds}: ${contender.name} ${variant}`);
      const result = results[i];
      result.rounds.push(await contender.run(variant, result.steps) / result.steps / 1e3);
    }
  }
  for (const [i, { contender }] of lanes.entries()) {
    results[i].min = Math.min(...results[i].rounds);
    results[i].median = median(results[i].rounds);
    results[i].memory = await contender.peakMemory();
  }
  return results;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[Math.floor((sorted.length - 1) / 2)] + sorted[Math.ceil((sorted.length - 1) / 2)]) / 2;
}

/** How many steps fill a round; found by doubling, which warms every cache as well. */
async function calibrate(contender: Contender, variant: string, roundMs: number): Promise<number> {
  for (let steps = 1; ; steps *= 2) {
    const ms = await contender.run(variant, steps) / 1e6;
    if (ms >= roundMs / 4) return Math.max(1, Math.round(steps * roundMs / ms));
  }
}
