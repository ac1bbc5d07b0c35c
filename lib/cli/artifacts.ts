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
import * as optax from '../optax/index.js';
import { generateArtifacts, type Artifacts, type ArtifactsOptions } from '../training/artifacts.js';
import { from } from '../training/data/index.js';
import { TrainingSession } from '../training/training-session.js';
import { painter, positional, subcommand, table, UsageError, type Arguments, type Command, type Outcome } from './command.js';
import { CONFIG_OPTIONS, keyOf, loadConfig, valueOf, type Loaded } from './config.js';

const HELP = `usage: hokku artifacts make CONFIG [FOLDER]
       hokku artifacts make MODEL.onnx FOLDER [options]
       hokku artifacts inspect FOLDER
       hokku artifacts validate FOLDER

  make        writes what the configuration's loss, params, trainable and optimizer say, to its artifacts or to FOLDER
  inspect     how they train, what goes in and comes out, which tensors they hold
  validate    reads every file, holds it against its hash, loads it into the training engine, and runs the eval model and
              one training step on zeros; nothing on the disk changes. Exit code 1 where anything fails

CONFIG is as for \`hokku train\`.

of a model's file:
  --train PATTERN       what trains, by the parameters' names (several times; all where left out)
  --loss NAME           crossEntropy (the default), binaryCrossEntropy, l2 or l1, of the model's output and the input 'target'
  --optimizer NAME      adamw (the default), adam or sgd
  --learning-rate RATE  0.001 where left out
  --output NAME         of several outputs, the one that is trained
  --shape NAME=2x3x…    of an input whose shape the model leaves open (beyond a first, open dimension: the batch's)

examples:
  hokku artifacts make config.js runs/artifacts
  hokku artifacts make model.onnx runs/artifacts --train 'classifier/**' --loss crossEntropy --optimizer adamw
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

const MODEL_OPTIONS = {
  train: { type: 'string', multiple: true }, loss: { type: 'string' }, optimizer: { type: 'string' }, 'learning-rate': { type: 'string' }, output: { type: 'string' },
  shape: { type: 'string', multiple: true },
} as const satisfies Command['options'];
const OPTIMIZERS: Readonly<Record<string, (rate: number) => optax.GradientTransformation>> = { adamw: optax.adamw, adam: optax.adam, sgd: optax.sgd };

/** `2x3x48` of each `NAME=2x3x48`. */
function shapesOf(values: readonly string[]): Record<string, number[]> {
  return Object.fromEntries(values.map((text) => {
    const at = text.lastIndexOf('=');
    const shape = text.slice(at + 1).split('x');
    if (at < 1 || !shape.every((d) => /^\d+$/.test(d))) throw new UsageError(`--shape must be a name and sizes, such as image=2x3x224x224, but is '${text}'.`);
    return [text.slice(0, at), shape.map(Number)];
  }));
}

/** Artifacts of a model's file, without a configuration. */
async function makeFromModel(args: Arguments): Promise<Outcome> {
  const [file, folder] = positional(args, 'artifacts make', ['MODEL.onnx', 'FOLDER']) as [string, string];
  const { importModel, objective } = await import('../onnx/index.js');
  const list = (name: string): string[] => [args.values[name] ?? []].flat().map(String);
  const [name, rate] = [String(args.values['optimizer'] ?? 'adamw'), Number(args.values['learning-rate'] ?? 1e-3)];
  if (!Object.hasOwn(OPTIMIZERS, name)) throw new UsageError(`--optimizer must be one of ${Object.keys(OPTIMIZERS).join(', ')}, but is '${name}'.`);
  if (!(rate > 0)) throw new UsageError(`--learning-rate must be a number above 0, but is '${String(args.values['learning-rate'])}'.`);
  const trainable = list('train');
  const model = importModel(file, trainable.length ? { trainable } : {});
  const output = args.values['output'];
  const { loss, batch } = objective(model, String(args.values['loss'] ?? 'crossEntropy'), { shapes: shapesOf(list('shape')), ...(typeof output === 'string' && { output }) });
  return written(folder, generateArtifacts({ loss, batch, params: model.params, optimizer: OPTIMIZERS[name](rate), ...(trainable.length && { trainable }) }, folder));
}

async function make(args: Arguments): Promise<Outcome> {
  if (args.positionals[0]?.endsWith('.onnx')) return makeFromModel(args);
  const stray = Object.keys(MODEL_OPTIONS).find((name) => args.values[name] !== undefined);
  if (stray) throw new UsageError(`--${stray} is for a model's file, MODEL.onnx; a configuration says it itself.`);
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
  return written(folder, generateArtifacts(options, folder));
}

function written(folder: string, made: Artifacts): Outcome {
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

export const artifacts: Command = { help: HELP, options: { ...CONFIG_OPTIONS, ...MODEL_OPTIONS }, run: (args) => subcommand('artifacts', { make, inspect, validate }, args) };
