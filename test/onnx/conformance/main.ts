/** `npm run onnx-conformance -- DIR [PATTERN]`: ONNX's backend node tests, by operator. */
import { parseArgs } from 'node:util';
import { runAll, type Report } from './run.js';

const { values, positionals } = parseArgs({ allowPositionals: true, options: { verbose: { type: 'boolean', short: 'v' }, json: { type: 'boolean' }, forward: { type: 'boolean' } } });
const [folder, pattern] = positionals;
if (!folder) {
  process.stderr.write('usage: npm run onnx-conformance -- DIR [PATTERN] [--verbose] [--json] [--forward]\nDIR is what scripts/onnx/node_cases.py wrote.\n');
  process.exit(2);
}
const reports = runAll(folder, new RegExp(pattern ?? '.'), !values.forward);
const by = new Map<string, Report[]>();
for (const r of reports) { const key = r.test.operator ?? '(several nodes)'; by.set(key, [...(by.get(key) ?? []), r]); }
const count = (list: readonly Report[], outcome: Report['outcome']): number => list.filter((r) => r.outcome === outcome).length;
const derived = (list: readonly Report[], outcomes: readonly string[]): number => list.filter((r) => r.gradient && outcomes.includes(r.gradient.outcome)).length;
if (values.json) process.stdout.write(`${JSON.stringify(reports.map(({ test, outcome, detail, gradient }) => ({ name: test.name, operator: test.operator, float: test.float, outcome, detail, gradient })))}\n`);
else {
  process.stdout.write(`${'operator'.padEnd(34)}${'cases'.padStart(6)}${'equal'.padStart(7)}${'other'.padStart(7)}${'failed'.padStart(8)}${'refused'.padStart(9)}${'gradients'.padStart(11)}${'wrong'.padStart(7)}\n`);
  for (const [operator, list] of [...by].sort(([a], [b]) => (a < b ? -1 : 1))) {
    process.stdout.write(`${operator.padEnd(34)}${String(list.length).padStart(6)}${String(count(list, 'equal')).padStart(7)}${String(count(list, 'different')).padStart(7)}${String(count(list, 'failed')).padStart(8)}${String(count(list, 'refused')).padStart(9)}${String(derived(list, ['checked'])).padStart(11)}${String(derived(list, ['different', 'failed'])).padStart(7)}\n`);
    if (values.verbose) for (const r of list) {
      if (r.outcome !== 'equal') process.stdout.write(`    ${r.test.name}: ${r.outcome}: ${r.detail}\n`);
      else if (r.gradient && !['checked', 'none'].includes(r.gradient.outcome)) process.stdout.write(`    ${r.test.name}: gradient ${r.gradient.outcome}: ${r.gradient.detail}\n`);
    }
  }
  const single = reports.filter((r) => r.test.operator !== null && r.test.float);
  process.stdout.write(`\nall cases: ${count(reports, 'equal')} of ${reports.length} equal; single-operator float cases: ${count(single, 'equal')} of ${single.length} equal (${((100 * count(single, 'equal')) / Math.max(1, single.length)).toFixed(1)} %)\n`);
  if (!values.forward) process.stdout.write(`gradients by central differences in float64: ${derived(single, ['checked'])} checked, ${derived(single, ['different', 'failed'])} wrong, ${derived(single, ['none'])} without derivative\n`);
}
