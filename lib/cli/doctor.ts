/** `hokku doctor`: what of hokku works on this machine, and what to do about the rest. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

import { engine, engines, type EngineName } from '../runtime/engines.js';
import { addon, addonPath } from '../runtime/native.js';
import { painter, positional, type Command } from './command.js';

export interface EngineReport {
  name: EngineName;
  path?: string;
  version?: string;
  apiVersion?: number;
  training?: boolean;
  providers?: string[];
  problem?: string;
}

export interface Report {
  node: string;
  platform: string;
  addon: { path: string; problem?: string };
  engines: EngineReport[];
  /** GPUs with their driver; empty where there is no NVIDIA driver. */
  gpus: string[];
  /** Library files, where they were found. */
  libraries: Record<'CUDA runtime' | 'cuBLAS' | 'cuDNN', string | null>;
  advice: string[];
  /** Whether the default engine works. */
  healthy: boolean;
}

const LIBRARIES = { 'CUDA runtime': 'libcudart.so.13', cuBLAS: 'libcublasLt.so.13', cuDNN: 'libcudnn.so.9' } as const;

function examine(name: EngineName, path: string | undefined, missing: string | undefined): EngineReport {
  if (!path) return { name, problem: missing };
  try {
    const { version, apiVersion, training, providers } = engine(name);
    return { name, path, version, apiVersion, training, providers };
  } catch (error) {
    return { name, path, problem: (error as Error).message };
  }
}

function findGpus(): string[] {
  const asked = spawnSync('nvidia-smi', ['--query-gpu=name,driver_version', '--format=csv,noheader'], { encoding: 'utf8' });
  return asked.status === 0 ? asked.stdout.trim().split('\n').filter(Boolean).map((line) => line.replace(', ', ', driver ')) : [];
}

/** Where the dynamic loader would find it. */
function findLibrary(name: string): string | null {
  const folders = (process.env['LD_LIBRARY_PATH'] ?? '').split(delimiter).filter(Boolean);
  if (existsSync('/usr/local')) {
    for (const folder of readdirSync('/usr/local').filter((entry) => entry.startsWith('cuda'))) folders.push(join('/usr/local', folder, 'lib64'));
  }
  const found = folders.map((folder) => join(folder, name)).find(existsSync);
  if (found) return found;
  const cached = spawnSync('ldconfig', ['-p'], { encoding: 'utf8' });
  const line = cached.stdout?.split('\n').find((one) => one.trim().startsWith(`${name} `));
  return line?.split('=> ')[1] ?? null;
}

/** Looks at everything; loads the engines that are there. */
function diagnose(): Report {
  const report: Report = {
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    addon: { path: addonPath() },
    engines: [],
    gpus: findGpus(),
    libraries: { 'CUDA runtime': null, cuBLAS: null, cuDNN: null },
    advice: [],
    healthy: false,
  };
  try {
    addon();
  } catch (error) {
    report.addon.problem = (error as Error).message;
  }
  report.engines = engines().map(({ name, path, missing }) => examine(name, path, missing));
  for (const library of Object.keys(LIBRARIES) as (keyof typeof LIBRARIES)[]) {
    if (process.platform === 'linux') report.libraries[library] = findLibrary(LIBRARIES[library]);
  }
  report.healthy = !report.addon.problem && !report.engines[0]!.problem;
  report.advice = advise(report);
  return report;
}

function advise(report: Report): string[] {
  const [stock, training] = report.engines as [EngineReport, EngineReport];
  if (report.addon.problem) return [report.addon.problem];
  const advice: string[] = [];
  if (stock.problem) advice.push(`The default engine does not work: ${stock.problem}.`);
  if (training.problem) advice.push(`Training artifacts need the training engine: ${training.problem}.`);
  if (report.gpus.length === 0) return advice;
  if (!training.problem && !training.providers!.includes('CUDAExecutionProvider')) {
    advice.push('There is a GPU, but the training engine is the CPU build: run `node scripts/setup.mjs --gpu` in a checkout of hokku.');
  }
  for (const [library, path] of Object.entries(report.libraries)) {
    if (path) continue;
    advice.push(`There is a GPU, but ${library} (${LIBRARIES[library as keyof typeof LIBRARIES]}) was not found: install it, and put its folder on LD_LIBRARY_PATH.`);
  }
  return advice;
}

/** The report as lines for people. */
function describe(report: Report, colour: boolean): string {
  const paint = painter(colour);
  const line = (good: boolean | null, label: string, text: string) =>
    `${good === null ? paint(33, '–') : good ? paint(32, '✓') : paint(31, '✗')} ${label.padEnd(22)} ${text}`;
  const lines = [
    line(true, 'Node', `${report.node} on ${report.platform}`),
    line(!report.addon.problem, 'addon', report.addon.problem ?? report.addon.path),
    ...report.engines.flatMap((one) => (one.problem
      ? [line(one.name === 'onnxruntime' ? false : null, one.name, one.problem)]
      : [
          line(true, one.name, `${one.version} (API ${one.apiVersion}), training: ${one.training ? 'yes' : 'no'}`),
          `  ${''.padEnd(22)} ${one.providers!.join(', ')}`,
          `  ${''.padEnd(22)} ${one.path}`,
        ])),
    line(report.gpus.length > 0 ? true : null, 'NVIDIA driver', report.gpus.join('; ') || 'not found'),
    ...Object.entries(report.libraries).map(([library, path]) => line(path ? true : null, library, path ?? 'not found')),
  ];
  return [...lines, ...report.advice.map((text) => `\n${paint(1, 'To do:')} ${text}`)].join('\n');
}

export const doctor: Command = {
  help: `usage: hokku doctor [--json]

Looks for the addon, the engines, GPUs and their libraries, and says what is missing. Exit code 1 where the default engine
does not work.

examples:
  hokku doctor
  hokku doctor --json | jq .engines`,
  options: {},
  run(args) {
    positional(args, 'doctor', []);
    const report = diagnose();
    return { code: report.healthy ? 0 : 1, json: report, text: describe(report, args.colour) };
  },
};
