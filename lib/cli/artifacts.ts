/** `hokku artifacts`: ONNX Runtime's training artifacts, looked at and tried. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { fromBytes, type ConcreteArray } from '../jax/array.js';
import { formatBytes } from '../haiku/summary.js';
import { DTYPES } from '../runtime/dtypes.js';
import { engines } from '../runtime/engines.js';
import { openFolder, type Folder } from '../training/artifacts/load.js';
import type { PortRecord } from '../training/artifacts/manifest.js';
import { numbered } from '../training/artifacts/ports.js';
import { FILES } from '../training/artifacts/write.js';
import { generateArtifacts, type ArtifactsOptions } from '../training/artifacts.js';
import { from } from '../training/data/index.js';
import { TrainingSession } from '../training/training-session.js';
import { painter, positional, subcommand, table, UsageError, type Arguments, type Command, type Outcome } from './command.js';
import { CONFIG_OPTIONS, keyOf, loadConfig, valueOf, type Loaded } from './config.js';

const HELP = `usage: hokku artifacts make CONFIG [FOLDER]
       hokku artifacts inspect FOLDER
       hokku artifacts validate FOLDER

  make        writes what the configuration's loss, params, trainable and optimizer say, to its artifacts or to FOLDER
  inspect     how they train, what goes in and comes out, which tensors they hold
  validate    reads every file, holds it against its hash, loads it into the training engine, and runs the eval model and
              one training step on zeros; nothing on the disk changes. Exit code 1 where anything fails

CONFIG is as for \`hokku train\`.

examples:
  hokku artifacts make config.js runs/artifacts
  hokku artifacts inspect runs/artifacts
  hokku artifacts validate runs/artifacts --json`;

function folderOf(args: Arguments, action: string): string {
  const [folder] = positional(args, `artifacts ${action}`, ['FOLDER']) as [string];
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) throw new UsageError(`There is no folder ${folder}.`);
  return folder;
}

const typeOf = ({ dtype, shape }: { dtype: string; shape: readonly (number | string)[] }): string => `${dtype}[${shape.join(',')}]`;

async function inspect(args: Arguments): Promise<Outcome> {
  const directory = folderOf(args, 'inspect');
  const { folder: { manifest }, facts } = openFolder(directory);
  const tensors = facts.tensors.map(({ name, role, dtype, stored, shape }) => ({ name, role, dtype, stored, shape, size: shape.reduce((a, b) => a * b, 1) }));
  const files = Object.values(FILES).flatMap((name) => {
    const found = statSync(join(directory, name), { throwIfNoEntry: false });
    return found ? [{ name, bytes: found.size }] : [];
  });
  const made = manifest && { style: manifest.style, optimizer: manifest.optimizer, inputs: manifest.batch.inputs, outputs: manifest.train.outputs, evalOutputs: manifest.evaluation.outputs };
  const json = { directory, writtenBy: manifest ? 'hokku' : 'others', ...made, learningRate: facts.learningRate ?? null, files, tensors };
  const ports = (label: string, records: readonly PortRecord[]): string => `${label.padEnd(14)} ${records.map((p) => `${p.name}: ${typeOf(p)}`).join(', ')}`;
  const sizeOf = (role: string): number => tensors.filter((t) => t.role === role).reduce((n, t) => n + t.size, 0);
  const roles = [...new Set(tensors.map((t) => t.role))];
  const lines = [
    `${'written by'.padEnd(14)} ${json.writtenBy}`,
    ...(made ? [
      `${'style'.padEnd(14)} ${made.style}`, `${'optimizer'.padEnd(14)} ${made.optimizer.kind}${facts.learningRate === undefined ? '' : `, learning rate ${facts.learningRate}`}`,
      ports('inputs', made.inputs), ports('outputs', made.outputs), ports('eval outputs', made.evalOutputs),
    ] : []),
    `${'files'.padEnd(14)} ${files.map((f) => `${f.name} (${formatBytes(f.bytes)})`).join(', ')}`,
    '', table(['tensor', 'role', 'type', 'values'], tensors.map((t) => [t.name, t.role, typeOf(t), t.size.toLocaleString('en-US')]), [3]),
    '', roles.map((role) => `${role}: ${sizeOf(role).toLocaleString('en-US')} values`).join(', '),
  ];
  return { code: 0, json, text: lines.join('\n') };
}

async function make(args: Arguments): Promise<Outcome> {
  const [file, given] = positional(args, 'artifacts make', ['CONFIG', '[FOLDER]']);
  const config = await loadConfig(file!, args);
  const folder = given ?? config.artifacts;
  if (folder === undefined) throw new UsageError(`Where to? hokku artifacts make ${file} FOLDER, or artifacts in the configuration.`);
  const { loss, optimizer, params } = config;
  if (!loss || !optimizer || !params) throw new UsageError(`${file} lacks ${(['loss', 'optimizer', 'params'] as const).filter((key) => !config[key]).join(' and ')}, of which artifacts are made.`);
  const { trainable, freezeState, evalLoss, outputs, style, batchDim } = config;
  const options: ArtifactsOptions = {
    loss, optimizer, params: await valueOf(params), batch: await exampleOf(config, file!), state: await valueOf(config.state ?? {}), rng: keyOf(config.rng),
    ...Object.fromEntries(Object.entries({ trainable, freezeState, evalLoss, outputs, style, batchDim }).filter(([, value]) => value !== undefined)),
  };
  const made = generateArtifacts(options, folder);
  const ports = (records: readonly PortRecord[]): string => records.map((p) => `${p.name}: ${typeOf(p)}`).join(', ');
  const lines = [
    `${folder}: ${made.style} style, ${made.trainable.length} arrays train, ${made.frozen.length} are frozen`, `inputs   ${ports(made.inputs)}`, `outputs  ${ports(made.outputs)}`,
    ...(made.fixedBecause ? [`The batch size is fixed: ${made.fixedBecause}`] : []),
  ];
  return { code: 0, json: { directory: folder, ...made }, text: lines.join('\n') };
}

/** The first batch, or what the configuration says is like one. */
async function exampleOf({ batch, data }: Loaded, file: string): Promise<unknown> {
  if (batch !== undefined) return valueOf(batch);
  if (data !== undefined) for await (const first of from(data)) return first;
  throw new UsageError(`${file} has neither a batch nor data that gives one: artifacts take over its shapes and dtypes.`);
}

interface Check { readonly check: string; readonly ok: boolean | null; readonly detail: string }

async function validate(args: Arguments): Promise<Outcome> {
  const directory = folderOf(args, 'validate');
  const checks: Check[] = [];
  /** Whether the checks after it make sense. */
  const attempt = <T>(check: string, work: () => T, detail: (x: T) => string): T | undefined => {
    try {
      const result = work();
      checks.push({ check, ok: true, detail: detail(result) });
      return result;
    } catch (error) {
      checks.push({ check, ok: false, detail: (error as Error).message });
      return undefined;
    }
  };
  const opened = attempt('files', () => openFolder(directory), ({ facts, folder: { manifest } }) =>
    `${facts.tensors.length} tensors${manifest ? ', and every model has the hash that the checkpoint says' : '; made by others, so that there are no hashes to hold them against'}`);
  const missing = engines().find(({ name }) => name === 'onnxruntime-training')?.missing;
  if (opened && missing) checks.push({ check: 'engine', ok: null, detail: `the training engine was not found: ${missing}` });
  if (opened && !missing) {
    using session = attempt('engine', () => TrainingSession.load(directory), ({ style }) => `loads them, in ${style} style`);
    if (session) run(session, opened.folder, checks, attempt);
  }
  const paint = painter(args.colour);
  const marks = { true: paint(32, '✓'), false: paint(31, '✗'), null: paint(33, '–') };
  const ok = checks.every((c) => c.ok !== false);
  return { code: ok ? 0 : 1, json: { directory, ok, checks }, text: checks.map((c) => `${marks[String(c.ok) as keyof typeof marks]} ${c.check.padEnd(10)} ${c.detail}`).join('\n') };
}

function run(session: TrainingSession, { manifest, models }: Folder, checks: Check[], attempt: <T>(check: string, work: () => T, detail: (x: T) => string) => T | undefined): void {
  if (!manifest) {
    checks.push({ check: 'steps', ok: null, detail: 'made by others: what a batch looks like is not known' });
    return;
  }
  const batch = numbered(manifest.batch.tree, 0)(manifest.batch.inputs.map(zeros));
  const loss = (result: { loss: { item(): number } }): string => `the loss of a batch of zeros is ${result.loss.item()}`;
  if (models.eval) attempt('eval', () => session.evalStep(batch), loss);
  attempt('training', () => session.trainStep(batch), loss);
}

/** Zeros for an input, two along each open dimension. */
function zeros({ dtype, shape }: PortRecord): ConcreteArray {
  const sizes = shape.map((d) => (typeof d === 'number' ? d : 2));
  return fromBytes(dtype, sizes, new Uint8Array(sizes.reduce((a, b) => a * b, DTYPES[dtype].size)));
}

export const artifacts: Command = { help: HELP, options: CONFIG_OPTIONS, run: (args) => subcommand('artifacts', { make, inspect, validate }, args) };
