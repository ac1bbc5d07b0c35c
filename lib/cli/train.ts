/** `hokku train`, `resume` and `eval`: runs of a configuration, in a folder of their own. */
import { join, relative } from 'node:path';
import type { Params } from '../haiku/types.js';
import { writeFileAtomic } from '../training/atomic-file.js';
import { FileFormatError } from '../runtime/errors.js';
import { checkpointSteps, restoreCheckpoint } from '../training/checkpoints/manager.js';
import { folderOf } from '../training/checkpoints/store.js';
import type { EndEvent, EvaluationEvent, FitEvent, StepEvent } from '../training/events.js';
import { fit, type Run } from '../training/fit.js';
import { trainerOf } from '../training/fit-trainer.js';
import { from } from '../training/data/index.js';
import { trainStep, type TrainStep, type TrainTree } from '../training/train-step.js';
import { TrainingSession } from '../training/training-session.js';
import { history, readHistory } from '../training/watch/history.js';
import { formatNumber, formatSeconds, progress } from '../training/watch/progress.js';
import { htmlReport } from '../training/watch/report.js';
import { tensorBoard } from '../training/watch/tensorboard.js';
import { positional, table, UsageError, wholeNumber, type Arguments, type Command, type Outcome } from './command.js';
import { CONFIG_HELP, CONFIG_OPTIONS, keyOf, loadConfig, making, valueOf, type Loaded } from './config.js';

const FOLDER_HELP = `In the run's folder: checkpoints/, TensorBoard's event files, history.ndjson, and in the end report.html. An interrupt (Ctrl-C)
or SIGTERM ends the step in flight, saves and stops; a second one stops at once. Exit code 1 where the run failed or was
stopped.`;

const checkpointsOf = (config: Loaded): string => join(config.directory, 'checkpoints');

interface Trainee { readonly step: TrainStep | TrainingSession; readonly state?: TrainTree; readonly before: Params }

/** What a configuration trains, new. */
async function make(config: Loaded): Promise<Trainee> {
  const { loss, optimizer, trainable, freezeState = false, params, state = {}, rng, engine, device, artifacts } = config;
  if (artifacts !== undefined) {
    // A loss beside them is what `hokku artifacts make` made them of.
    const session = TrainingSession.load(artifacts, { device: device && device.platform !== 'cpu' ? 'cuda' : 'cpu' });
    return { step: session, before: session.params() };
  }
  const missing = (['loss', 'optimizer', 'params'] as const).filter((key) => config[key] === undefined);
  if (missing.length) throw new UsageError(`The configuration lacks ${missing.join(' and ')}: give loss, optimizer and params, or the folder of training artifacts.`);
  const step = making(config, () => trainStep({ loss: loss!, optimizer: optimizer!, freezeState, ...(trainable !== undefined && { trainable }) }, { ...(engine && { engine }), ...(device && { device }) }));
  const before = await valueOf(params!);
  const first = await valueOf(state);
  return { step, state: making(config, () => step.init(before, { state: first, rng: keyOf(rng) })), before };
}

async function runTraining(args: Arguments, command: 'train' | 'resume'): Promise<Outcome> {
  const [file] = positional(args, command, ['CONFIG']) as [string];
  const config = await loadConfig(file, args);
  const checkpoints = checkpointsOf(config);
  const there = checkpointSteps(checkpoints);
  if (command === 'train' && there.length) throw new UsageError(`${config.directory} has a run already, at step ${there.at(-1)}: \`hokku resume ${file}\` goes on with it, and --out FOLDER begins another.`);
  if (command === 'resume' && !there.length) throw new UsageError(`${checkpoints} has no checkpoints to go on from: \`hokku train ${file}\` begins the run.`);
  if (config.data === undefined) throw new UsageError(`${file} has no data: give batches, such as data.fromArrays({ x, y }).batch(32).repeat().`);
  const { step, state, before } = await make(config);
  try {
    const { steps, evaluation, earlyStopping, statistics, learningRate, logEvery, allowNonFinite, accumulate } = config;
    const given = { steps, evaluation, earlyStopping, statistics, learningRate, logEvery, allowNonFinite, accumulate };
    const run = making(config, () => fit({
      step, ...(state && { state }), data: config.data!, checkpoint: { ...config.checkpoint, directory: checkpoints },
      ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
    }));
    return await watch(run, config, before, file, args);
  } catch (cause) {
    // The newest checkpoint is damaged: what is left to do nobody else can say.
    if (!(cause instanceof FileFormatError) || there.length < 2 || !cause.message.includes(checkpoints)) throw cause;
    throw new FileFormatError(`${cause.message} To go on from step ${there.at(-2)}, remove ${folderOf(checkpoints, there.at(-1)!)}.`, { cause });
  } finally {
    if (step instanceof TrainingSession) step.dispose();
  }
}

/** Follows a run to its end; the report is written however it ends. */
async function watch(run: Run, config: Loaded, before: Params, file: string, { stderr }: Arguments): Promise<Outcome> {
  const log = join(config.directory, 'history.ndjson');
  using bar = progress({ stream: stderr });
  using board = tensorBoard(config.directory);
  using lines = history(log);
  using _ = onInterrupt((signal) => {
    bar[Symbol.dispose]();
    stderr.write(`${signal === 'SIGINT' ? 'Interrupted' : 'Asked to end'}: saving and stopping; once more stops at once.\n`);
    run.stop();
  });
  let began = false;
  let [step, evaluation, end]: [StepEvent?, EvaluationEvent?, EndEvent?] = [];
  try {
    for await (const event of run) {
      began = true;
      for (const watcher of [lines, board, bar]) watcher(event);
      if (event.type === 'step') step = event;
      if (event.type === 'evaluation') evaluation = event;
      if (event.type === 'end') end = event;
    }
  } finally {
    lines[Symbol.dispose]();
    bar[Symbol.dispose]();
    // A run that did not begin has nothing to tell, and the folder may be another's.
    if (began) {
      const after = await run.params().catch(() => undefined);
      try {
        writeReport(config, log, before, after);
      } catch (error) {
        if (end) throw error; // else what ended the run is what matters
      }
    }
  }
  const stopped = end!.reason === 'stopped';
  const facts = {
    directory: config.directory, step: end!.step, reason: end!.reason, seconds: end!.seconds,
    loss: step?.loss ?? null, metrics: step?.metrics ?? {}, evaluation: evaluation?.metrics ?? null, report: join(config.directory, 'report.html'),
  };
  const text = [
    `${stopped ? 'stopped and saved' : 'finished'} at step ${facts.step} after ${formatSeconds(facts.seconds)}${facts.loss === null ? '' : `, loss ${formatNumber(facts.loss)}`}`,
    `report: ${relative(process.cwd(), facts.report) || facts.report}`,
    ...(stopped ? [`\`hokku resume ${file}\` goes on`] : []),
  ];
  return { code: stopped ? 1 : 0, json: facts, text: text.join('\n') };
}

function writeReport(config: Loaded, log: string, before: Params, after: Params | undefined): void {
  const { path, directory, title, data: _data, params: _params, ...configuration } = config;
  const events = readHistory(log) as FitEvent[];
  writeFileAtomic(join(directory, 'report.html'), htmlReport(events, { title, before, ...(after && { after }), configuration: { path, ...configuration } }));
}

/** The first signal is answered by `stop`; the second ends the process as if nobody had listened. */
function onInterrupt(stop: (signal: NodeJS.Signals) => void): Disposable {
  const signals = ['SIGINT', 'SIGTERM'] as const;
  const listener = (signal: NodeJS.Signals): void => {
    forget();
    stop(signal);
  };
  const forget = (): void => signals.forEach((signal) => process.off(signal, listener));
  signals.forEach((signal) => process.on(signal, listener));
  return { [Symbol.dispose]: forget };
}

async function evaluate(args: Arguments): Promise<Outcome> {
  const [file] = positional(args, 'eval', ['CONFIG']) as [string];
  const config = await loadConfig(file, args);
  const { evaluation } = config;
  if (!evaluation) throw new UsageError(`${file} has no evaluation: give it { data, every, metrics }.`);
  const at = wholeNumber('step', args.values['step']);
  const trainee = await make(config);
  try {
    const holder = trainee.step instanceof TrainingSession ? trainee.step : trainee.state!;
    const { state, manifest, path } = await restoreCheckpoint(checkpointsOf(config), holder, at === undefined ? {} : { step: at });
    const trainer = trainerOf(trainee.step, state instanceof TrainingSession ? undefined : state);
    const measure = trainer.evaluator(evaluation.metrics ?? null);
    const began = performance.now();
    const sums = new Map<string, number>();
    let batches = 0;
    for await (const batch of from(evaluation.data)) {
      for (const [name, value] of Object.entries(await measure(batch))) sums.set(name, (sums.get(name) ?? 0) + value);
      batches++;
    }
    if (batches === 0) throw new UsageError(`${file}: evaluation.data gave no batches.`);
    const metrics = Object.fromEntries([...sums].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, sum]) => [name, sum / batches]));
    const seconds = (performance.now() - began) / 1000;
    return {
      code: 0, json: { checkpoint: path, step: manifest.step, metrics, batches, seconds },
      text: `${table(['metric', 'mean'], Object.entries(metrics).map(([name, value]) => [name, formatNumber(value)]), [1])}\n\nstep ${manifest.step}, ${batches} ${batches === 1 ? 'batch' : 'batches'} in ${seconds.toFixed(2)} s`,
    };
  } finally {
    if (trainee.step instanceof TrainingSession) trainee.step.dispose();
  }
}

export const train: Command = {
  help: `usage: hokku train CONFIG [options]

Trains what a configuration says, from the beginning. ${FOLDER_HELP}

${CONFIG_HELP}

examples:
  hokku train config.js
  hokku train config.json --steps 500 --out runs/short --json
  hokku train config.ts --import tsx`,
  options: CONFIG_OPTIONS,
  run: (args) => runTraining(args, 'train'),
};

export const resume: Command = {
  help: `usage: hokku resume CONFIG [options]

Goes on from the newest checkpoint of the run, to the same bits as if it had never ended. ${FOLDER_HELP}

${CONFIG_HELP}

examples:
  hokku resume config.js
  hokku resume config.js --steps 20000`,
  options: CONFIG_OPTIONS,
  run: (args) => runTraining(args, 'resume'),
};

export const evaluation: Command = {
  help: `usage: hokku eval CONFIG [options]

Measures the newest checkpoint of the run on the configuration's evaluation data; nothing on the disk changes.

${CONFIG_HELP}
  --step N          another checkpoint

examples:
  hokku eval config.js
  hokku eval config.js --step 3000 --json`,
  options: { ...CONFIG_OPTIONS, step: { type: 'string' } },
  run: evaluate,
};
