/** What all commands share: how they are declared, how they are called wrongly, and tables of text. */
import type { ParseArgsConfig } from 'node:util';
import { HokkuError } from '../runtime/errors.js';
import { nearest } from '../runtime/nearest.js';
import type { ProgressStream } from '../training/watch/progress.js';

/** A command was called wrongly: exit code 2. */
export class UsageError extends HokkuError {
  constructor(message: string, options?: ErrorOptions) { super(message, 'USAGE', options); }
}

/** What a command found out: for programs, and for people. */
export interface Outcome {
  /** 1 where something does not hold that was asked for. */
  readonly code: 0 | 1;
  readonly json: unknown;
  readonly text: string;
}

/** What the arguments were, after parsing. */
export interface Arguments {
  readonly positionals: readonly string[];
  readonly values: Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>;
  /** Whether the text may have colours. */
  readonly colour: boolean;
  readonly json: boolean;
  /** For what is said meanwhile. */
  readonly stderr: ProgressStream;
}

export interface Command {
  /** What `--help` prints, examples included. */
  readonly help: string;
  /** Beside `--json` and `--help`. */
  readonly options: NonNullable<ParseArgsConfig['options']>;
  run(args: Arguments): Outcome | Promise<Outcome>;
}

/** The positional arguments, which must be those named: `[name]` may be left out. */
export function positional(args: Arguments, command: string, names: readonly string[]): (string | undefined)[] {
  const { positionals } = args;
  const missing = names.slice(positionals.length).find((name) => !name.startsWith('['));
  if (missing !== undefined) throw new UsageError(`hokku ${command} needs ${missing}: hokku ${command} ${names.join(' ')}; \`hokku ${command.split(' ')[0]} --help\` says more.`);
  if (positionals.length > names.length) throw new UsageError(`hokku ${command} takes ${names.join(' ')}, but got '${positionals[names.length]}' too; put names with spaces into quotes.`);
  return names.map((_, i) => positionals[i]);
}

/** A whole number from `least` on, of an option. */
export function wholeNumber(name: string, value: unknown, least = 0): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (/^\d+$/.test(String(value)) && Number.isSafeInteger(number) && number >= least) return number;
  throw new UsageError(`--${name} must be a whole number from ${least} on, but is '${String(value)}'.`);
}

/** Columns, the numeric ones to the right; a line under the head. */
export function table(head: readonly string[], rows: readonly (readonly string[])[], right: readonly number[] = []): string {
  const width = (text: string): number => [...text].length;
  const widths = head.map((title, k) => Math.max(width(title), ...rows.map((row) => width(row[k]))));
  const line = (cells: readonly string[]): string => cells.map((cell, k) => {
    const space = ' '.repeat(widths[k] - width(cell));
    return right.includes(k) ? space + cell : cell + space;
  }).join('  ').trimEnd();
  return [line(head), widths.map((w) => '─'.repeat(w)).join('  '), ...rows.map(line)].join('\n');
}

/** Text in a colour of the terminal, where there are any. */
export const painter = (colour: boolean) => (code: number, text: string): string => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);

/** Runs the action that the first argument names. */
export function subcommand(command: string, actions: Readonly<Record<string, (args: Arguments) => Promise<Outcome>>>, args: Arguments): Promise<Outcome> {
  const [action, ...positionals] = args.positionals;
  if (action === undefined) throw new UsageError(`hokku ${command} needs an action: ${Object.keys(actions).join(', ')}; \`hokku ${command} --help\` says more.`);
  if (!Object.hasOwn(actions, action)) throw new UsageError(`hokku ${command} has no action '${action}'; the nearest is '${nearest(action, Object.keys(actions))}'.`);
  return actions[action]({ ...args, positionals });
}
