/** Starts an example: `npm run example -- mnist --steps 100`. */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Example } from './support/example.js';
import { UsageError, wholeNumber } from './support/options.js';

const EXAMPLES = ['mnist', 'finetune', 'text', 'vae'];
const USAGE = `Usage: npm run example -- NAME [options]

  NAME          ${EXAMPLES.join(', ')}
  --steps N     training steps (each example has its own default)
  --seed N      seed of parameters, data and noise (default 42)
  --out DIR     where pictures and reports go (default out/NAME)
  --json        print one JSON object instead of text
  -h, --help    print this

Exit code 0: all well; 1: something failed; 2: wrong usage.`;

function parse(args: string[]) {
  try {
    return parseArgs({
      args, allowPositionals: true,
      options: {
        steps: { type: 'string' }, seed: { type: 'string', default: '42' }, out: { type: 'string' },
        json: { type: 'boolean', default: false }, help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error });
  }
}

async function run(args: string[]): Promise<void> {
  const { values: { steps, seed, out, json, help }, positionals: [name, ...more] } = parse(args);
  if (help) return console.log(USAGE);
  if (!EXAMPLES.includes(name) || more.length) throw new UsageError(`Expected the name of one example, ${EXAMPLES.join(', ')}, but got '${[name, ...more].join(' ')}'.`);
  const example: Example = await import(`./${name}/main.js`);
  const options = { steps: steps === undefined ? example.steps : wholeNumber('steps', steps, 1), seed: wholeNumber('seed', seed, 0), out: out ?? join('out', name), json };
  if (!json) console.log(`${example.about}\n`);
  const began = performance.now();
  const result = await example.main(options);
  const seconds = (performance.now() - began) / 1000;
  console.log(json ? JSON.stringify({ ...result, seconds }, null, 2) : `\n${seconds.toFixed(0)} s in all`);
}

try {
  await run(process.argv.slice(2));
} catch (error) {
  const usage = error instanceof UsageError;
  console.error(usage ? `${error.message}\n\n${USAGE}` : process.env.NODE_DEBUG?.includes('hokku') ? error : String((error as Error).message ?? error));
  process.exitCode = usage ? 2 : 1;
}
