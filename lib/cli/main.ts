#!/usr/bin/env node
/** The command line. Exit codes: 0 all is well, 1 something does not work, 2 it was called wrongly. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { packageRoot } from '../runtime/native.js';
import { nearest } from '../runtime/nearest.js';
import { describe, diagnose } from './doctor.js';

const HELP = `usage: hokku <command> [--json]

  doctor      what works on this machine, and what to do about the rest
  --version   hokku's version
  --help      this text`;

const COMMANDS = ['doctor'];

function main(args: string[]): number {
  let parsed;
  try {
    parsed = parseArgs({
      args, allowPositionals: true,
      options: { json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' }, version: { type: 'boolean', short: 'v' } },
    });
  } catch (error) {
    console.error(`hokku: ${(error as Error).message}`);
    return 2;
  }
  const { values, positionals: [command, ...rest] } = parsed;
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  if (values.version) {
    console.log((JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string }).version);
    return 0;
  }
  if (command === undefined || rest.length > 0 || !COMMANDS.includes(command)) {
    console.error(command && !COMMANDS.includes(command) ? `hokku: There is no command '${command}'; the nearest is '${nearest(command, COMMANDS)}'.` : HELP);
    return 2;
  }
  const report = diagnose();
  console.log(values.json ? JSON.stringify(report, null, 2) : describe(report, process.stdout.isTTY === true && !process.env['NO_COLOR']));
  return report.healthy ? 0 : 1;
}

process.exitCode = main(process.argv.slice(2));
