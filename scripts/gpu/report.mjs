/** `node scripts/gpu/report.mjs DIR`: one page of what doctor, tests and benchmarks left in a folder. */
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [folder] = process.argv.slice(2);
const read = (name) => (existsSync(join(folder, name)) ? readFileSync(join(folder, name), 'utf8') : '');
const lines = ['# GPU run', ''];

const doctor = read('doctor.json');
if (doctor) {
  const { node, gpus, engines, libraries } = JSON.parse(doctor);
  lines.push(`Node ${node}; ${gpus.join('; ') || 'no GPU'}`, '', '| engine | version | providers |', '| --- | --- | --- |');
  for (const e of engines) lines.push(`| ${e.name} | ${e.version ?? e.problem} | ${e.providers?.join(', ') ?? ''} |`);
  lines.push('', ...Object.entries(libraries).map(([name, path]) => `- ${name}: ${path ?? 'not found'}`), '');
}

const tests = read('tests.jsonl').trim().split('\n').filter(Boolean).map((line) => JSON.parse(line));
const count = (state) => tests.filter((t) => t.state === state).length;
lines.push('## Tests', '', `${count('passed')} passed, ${count('failed')} failed, ${count('pending')} pending.`, '');
for (const t of tests.filter(({ state }) => state === 'failed')) lines.push(`- **${t.title}**`, '', '  ```', ...t.error.split('\n').map((l) => `  ${l}`), '  ```', '');
const crashed = read('crashes.txt').trim();
if (crashed) lines.push('Processes that ended badly:', '', crashed, '');

const bench = existsSync(join(folder, 'bench')) ? readdirSync(join(folder, 'bench')).filter((name) => name.endsWith('.json')).sort() : [];
lines.push('## Benchmarks', '');
if (bench.length === 0) lines.push('None was run.', '');
for (const name of bench) {
  const { case: title, description, device, machine, rows } = JSON.parse(readFileSync(join(folder, 'bench', name), 'utf8'));
  lines.push(`### ${title} (${device})`, '', `${description}. ${machine.cores} cores, ${machine.cpu ?? 'unknown CPU'}.`, '', '| contender | variant | min µs | median µs |', '| --- | --- | ---: | ---: |');
  for (const r of rows) lines.push(`| ${r.contender} | ${r.variant} | ${r.min.toFixed(1)} | ${r.median.toFixed(1)} |`);
  lines.push('');
}
writeFileSync(join(folder, 'report.md'), lines.join('\n'));
console.log(lines.join('\n'));
