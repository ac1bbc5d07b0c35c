/** The demo's command line. */
import { parseArgs } from 'node:util';
import * as hk from 'hokku';

export const ENGINES = ['onnxruntime', 'onnxruntime-training'] as const;
export type Engine = (typeof ENGINES)[number];

export interface Options {
  engine: Engine | 'both' | undefined;
  device: 'cpu' | 'cuda';
  freeze: string[];
  steps: number;
  seed: number;
  out: string;
  json: boolean;
}

/** A mistake in how the demo was called: exit code 2. */
export class UsageError extends Error {}

export const USAGE = `Trains a subset of a network's parameters: Haiku's notebook of that name, cell by cell.

Usage: npm run demo -- [options]

  --engine NAME        ${ENGINES.join(', ')} or both (default: each one that is there)
  --device DEVICE      cpu (default) or cuda
  --freeze PATTERN…    what is not trained (default mlp/~/linear_1): modules with all below them, or single
                       arrays such as mlp/~/linear_0/b; globs too: '**/linear_{0,2}', '**/b'
  --steps N            training steps (default 10000)
  --seed N             seed of the initial parameters (default 42, the notebook's)
  --out DIR            where pictures and training artifacts go (default out/train_subset)
  --json               print one JSON object instead of the notebook's text
  -h, --help           print this

Exit code 0: all well; 1: something failed, the proof that frozen parameters did not change included; 2: wrong usage.`;

/** `undefined` if help was asked for. */
export function readOptions(args: string[]): Options | undefined {
  const { values, positionals } = parse(args);
  if (values.help) return undefined;
  // '--freeze a b' is '--freeze a' followed by a positional; without --freeze a positional has no meaning.
  if (positionals.length && !values.freeze) throw new UsageError(`Unexpected argument '${positionals[0]}'.`);
  return {
    engine: values.engine === undefined ? undefined : oneOf('engine', values.engine, [...ENGINES, 'both'] as const),
    device: oneOf('device', values.device, ['cpu', 'cuda'] as const),
    freeze: [...values.freeze ?? ['mlp/~/linear_1'], ...positionals],
    steps: wholeNumber('steps', values.steps, 0),
    seed: wholeNumber('seed', values.seed, 0),
    out: values.out,
    json: values.json,
  };
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args, allowPositionals: true,
      options: {
        engine: { type: 'string' }, device: { type: 'string', default: 'cpu' }, freeze: { type: 'string', multiple: true },
        steps: { type: 'string', default: '10000' }, seed: { type: 'string', default: '42' },
        out: { type: 'string', default: 'out/train_subset' }, json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error });
  }
}

function oneOf<T extends string>(name: string, value: string, choices: readonly T[]): T {
  if ((choices as readonly string[]).includes(value)) return value as T;
  throw new UsageError(`--${name} is one of ${choices.join(', ')}, but got '${value}'.`);
}

export function wholeNumber(name: string, text: string, least: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= 0xffffffff) return value;
  throw new UsageError(`--${name} is a whole number from ${least} on, but got '${text}'.`);
}

/** What trains: all but what the patterns mean. A pattern that matches nothing is a misspelling, and with everything frozen there is nothing to train. */
export function trainableBut(patterns: string[], params: hk.dataStructures.Structure): hk.Selector {
  try {
    const frozen = hk.selector(patterns, '--freeze');
    if (frozen.over([...hk.dataStructures.traverse(params)]).every(Boolean)) throw new UsageError('--freeze matches every parameter: nothing is left to train.');
    return hk.selector((module, name, value) => !frozen(module, name, value));
  } catch (error) {
    throw error instanceof UsageError ? error : new UsageError((error as Error).message, { cause: error });
  }
}
