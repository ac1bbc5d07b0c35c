/**
 * `npm run bench -- NAME… [--peers]`: ours, and the peers in the same run, round by round in turn.
 * Prints a table for each case and writes out/bench/NAME.json.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { engines as knownEngines } from 'hokku/jax';
import { CASES, type BenchCase } from './cases/index.js';
import { buildDriver, stylesIn } from './driver.js';
import { measure, type Measurement } from './measure.js';
import { PEERS, preparePeers } from './peers.js';
import { Contender } from './protocol.js';
import { fractions, geometricMeans, judge, summary, table, withRates } from './report.js';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');  // this file runs from dist/bench
const ENGINES = ['onnxruntime', 'onnxruntime-training'];
const USAGE = `Usage: npm run bench -- [NAME…] [options]

Cases:
${Object.entries(CASES).map(([name, { description }]) => `  ${name.padEnd(18)} ${description}`).join('\n')}

Options:
  --peers            also measure the peers, in a virtual environment that is made on the first use
  --peer NAME        only this one: ${PEERS.map((p) => p.name).join(' or ')} (torch brings 5 GB of CUDA libraries on Linux)
  --driver           also measure the training engine's own calls from C++ (needs a C++ compiler)
  --engine NAME      only this engine: ${ENGINES.join(' or ')}
  --device DEVICE    cpu (default) or cuda
  --only REGEX       only variants whose name matches
  --rounds N         how often each is measured (default 7)
  --round-ms N       how long a round is (default 400)
  --out DIR          where the JSON goes (default out/bench)
  --json             print the JSON instead of tables`;

const say = (text: string) => { if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`); };
const clear = () => say('');

class UsageError extends Error {}

function readArguments() {
  const number = (name: string, text: string) => {
    if (!/^[1-9]\d*$/.test(text)) throw new UsageError(`--${name} needs a positive whole number but got '${text}'.`);
    return Number(text);
  };
  const choice = (name: string, text: string, among: string[]) => {
    if (!among.includes(text)) throw new UsageError(`--${name} is one of ${among.join(', ')}; got '${text}'.`);
    return text;
  };
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      peers: { type: 'boolean', default: false }, peer: { type: 'string', multiple: true },
      driver: { type: 'boolean', default: false }, engine: { type: 'string' },
      device: { type: 'string', default: 'cpu' }, only: { type: 'string', default: '' }, rounds: { type: 'string', default: '7' }, 'round-ms': { type: 'string', default: '400' },
      out: { type: 'string', default: join(ROOT, 'out', 'bench') }, json: { type: 'boolean', default: false }, help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const names = positionals.length ? positionals : Object.keys(CASES);
  for (const name of names) choice('case', name, Object.keys(CASES));
  return {
    ...values, names,
    engines: values.engine ? [choice('engine', values.engine, ENGINES)] : undefined,
    peers: PEERS.filter((p) => (values.peer ? values.peer.map((name) => choice('peer', name, PEERS.map((p) => p.name))).includes(p.name) : values.peers)),
    device: choice('device', values.device, ['cpu', 'cuda']),
    plan: { rounds: number('rounds', values.rounds), roundMs: number('round-ms', values['round-ms']) },
  };
}

type Arguments = ReturnType<typeof readArguments>;

async function contenders(name: string, part: string | undefined, benchCase: BenchCase, options: Arguments, engines: string[]): Promise<Contender[]> {
  const started: Contender[] = [];
  const own = part === undefined ? [] : [part];
  const artifacts = join(ROOT, 'out', 'bench', 'artifacts', name);
  const ours = join(dirname(fileURLToPath(import.meta.url)), 'serve.js');
  for (const engine of benchCase.compared ? engines : ['']) {
    started.push(await Contender.start(process.execPath, ['--expose-gc', ours, name, engine, options.device, artifacts, ...own]));
  }
  if (options.driver && engines.includes('onnxruntime-training')) {
    const library = knownEngines().find((e) => e.name === 'onnxruntime-training')!.path!;
    for (const style of stylesIn(artifacts)) started.push(await Contender.start(buildDriver(ROOT), [library, join(artifacts, style), style]));
  }
  // A case need not have a twin in each.
  const peers = benchCase.compared ? options.peers.filter((peer) => existsSync(join(ROOT, 'bench', 'peers', peer.script(name)))) : [];
  if (peers.length) {
    const python = preparePeers(ROOT, peers, say);
    for (const peer of peers) {
      started.push(await Contender.start(python, [join(ROOT, 'bench', 'peers', peer.script(name)), ...own], { JAX_PLATFORMS: options.device }));
    }
  }
  return started;
}

async function run(options: Arguments): Promise<void> {
  const engines = options.engines ?? knownEngines().filter((e) => e.path).map((e) => e.name);
  const machine = { cpu: cpus()[0]?.model.trim(), cores: cpus().length, memory: totalmem(), node: process.version, platform: `${process.platform}-${process.arch}` };
  const all: object[] = [];
  for (const name of options.names) {
    const benchCase = CASES[name];
    say(`${name}: starting`);
    const measured: Measurement[] = [];
    for (const part of benchCase.parts ?? [undefined]) {
      const started = await contenders(name, part, benchCase, options, engines);
      try {
        measured.push(...await measure(started, options.plan, new RegExp(options.only), (text) => say(`${name}: ${text}`)));
      } finally {
        for (const contender of started) contender.close();
      }
    }
    const rows = withRates(judge(measured, benchCase.targets), benchCase.bytes);
    clear();
    const [means, parts] = [geometricMeans(rows), fractions(rows, benchCase.fraction)];
    const result = { case: name, description: benchCase.description, device: options.device, machine, date: new Date().toISOString(), rows, geometricMeans: means, fractions: parts };
    all.push(result);
    mkdirSync(options.out, { recursive: true });
    const file = join(options.out, `${name}.json`);
    writeFileSync(file, JSON.stringify(result, null, 2) + '\n');
    if (!options.json) console.log(`\n${name}: ${benchCase.description}\n\n${table(rows)}\n${summary(means, parts)}\nwritten: ${relative(process.cwd(), file)}`);
  }
  if (options.json) console.log(JSON.stringify(all, null, 2));
}

try {
  const options = readArguments();
  if (options.help) console.log(USAGE);
  else await run(options);
} catch (error) {
  clear();
  const usage = error instanceof UsageError || (error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS');
  console.error(usage ? `${(error as Error).message}\n\n${USAGE}` : error);
  process.exitCode = usage ? 2 : 1;
}
