/** The command line as a function. Exit codes: 0 all is well, 1 something does not work, 2 it was called wrongly. */
import { parseArgs } from 'node:util';
import { HokkuError } from '../runtime/errors.js';
import { packageVersion } from '../runtime/native.js';
import { nearest } from '../runtime/nearest.js';
import type { ProgressStream } from '../training/watch/progress.js';
import { UsageError, type Command } from './command.js';

/** Loaded when they are asked for: most need the whole library. */
const COMMANDS: Readonly<Record<string, { summary: string; load: () => Promise<Command> }>> = {
  train: { summary: 'train what a configuration says', load: async () => (await import('./train.js')).train },
  resume: { summary: 'go on with a run that was interrupted', load: async () => (await import('./train.js')).resume },
  eval: { summary: 'measure a checkpoint on the evaluation data', load: async () => (await import('./train.js')).evaluation },
  params: { summary: 'tabulate parameters, compare two checkpoints, draw heat maps', load: async () => (await import('./params.js')).params },
  artifacts: { summary: "make, inspect or validate ONNX Runtime's training artifacts", load: async () => (await import('./artifacts.js')).artifacts },
  doctor: { summary: 'what works on this machine, and what to do about the rest', load: async () => (await import('./doctor.js')).doctor },
};

const HELP = `usage: hokku <command> [arguments] [--json]

${Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(11)} ${summary}`).join('\n')}

  --json      print one JSON object instead of text
  --help      this text; after a command, that command's with examples
  --version   hokku's version

Exit code 0: all is well; 1: something does not work or does not hold; 2: it was called wrongly.`;

const COMMON = { json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } as const;

/** Where a command writes: what was asked for, and everything else. */
export interface Streams {
  out(text: string): void;
  readonly stderr: ProgressStream;
  readonly colour: boolean;
}

/** Runs a command; never throws. */
export async function run(args: readonly string[], streams: Streams): Promise<number> {
  try {
    return await dispatch(args, streams);
  } catch (error) {
    if (args.includes('--json')) streams.out(JSON.stringify({ error: { code: (error as HokkuError).code ?? 'ERROR', message: (error as Error).message } }, null, 2));
    streams.stderr.write(`${explain(error)}\n`);
    return error instanceof UsageError ? 2 : 1;
  }
}

async function dispatch([name, ...args]: readonly string[], { out, stderr, colour }: Streams): Promise<number> {
  const print = (text: string): 0 => { out(text); return 0; };
  if (name === undefined) throw new UsageError(`A command is missing.\n\n${HELP}`);
  if (name === '--help' || name === '-h' || name === 'help') return print(HELP);
  if (name === '--version' || name === '-v') return print(packageVersion());
  if (name.startsWith('-')) throw new UsageError(`The command comes first, but got '${name}': hokku <command> ${name}.`);
  if (!Object.hasOwn(COMMANDS, name)) throw new UsageError(`There is no command '${name}'; the nearest is '${nearest(name, Object.keys(COMMANDS))}'.`);
  const command = await COMMANDS[name].load();
  const { values, positionals } = parse(command, args, name);
  if (values.help) return print(command.help);
  const json = values['json'] === true;
  const { code, json: found, text } = await command.run({ values, positionals, json, colour, stderr });
  print(json ? JSON.stringify(found, (_, v: unknown) => (typeof v === 'number' && !Number.isFinite(v) ? String(v) : typeof v === 'bigint' ? String(v) : v), 2) : text);
  return code;
}

function parse(command: Command, args: string[], name: string) {
  const options = { ...COMMON, ...command.options };
  try {
    return parseArgs({ args, allowPositionals: true, options });
  } catch (cause) {
    const unknown = (cause as NodeJS.ErrnoException).code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION' ? /'(?:-\w, )?--?([^' =]+)/.exec((cause as Error).message)?.[1] : undefined;
    if (unknown === undefined) throw new UsageError(`hokku ${name}: ${(cause as Error).message}.`.replace(/\.+$/, '.'), { cause });
    throw new UsageError(`hokku ${name} has no option '--${unknown}'; the nearest is '--${nearest(unknown, Object.keys(options))}'.`, { cause });
  }
}

/** One sentence, unless someone is looking for a fault of hokku itself. */
function explain(error: unknown): string {
  if (process.env['NODE_DEBUG']?.includes('hokku') || !(error instanceof Error)) return String((error as Error)?.stack ?? error);
  const expected = error instanceof HokkuError || 'code' in error;
  return `hokku: ${error.message}${expected ? '' : ` (${error.name}; NODE_DEBUG=hokku shows where)`}`;
}
