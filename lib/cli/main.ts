#!/usr/bin/env node
/** The executable. */
import { run } from './run.js';

// A reader that leaves early, such as `head`, is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => { if (error.code === 'EPIPE') process.exit(0); else throw error; });
void run(process.argv.slice(2), {
  out: (text) => console.log(text), stderr: process.stderr, colour: process.stdout.isTTY === true && !process.env['NO_COLOR'],
}).then((code) => { process.exitCode = code; });
