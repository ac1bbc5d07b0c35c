// Writes lib/lowering/kernel-table.ts: for each engine and device, in which dtypes it has a kernel of each operator that is right. Found by trying.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { PROBES, isFloat, wrap } from './dtypes/probes.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const lib = (path) => import(pathToFileURL(join(root, 'dist/lib', path)).href);
const { Graph } = await lib('lowering/graph.js');
const { serialize } = await lib('lowering/model.js');
const { TYPED_ARRAYS, decodeAt, encode } = await lib('runtime/elements.js');
const { engine, engines } = await lib('runtime/engines.js');
const { DTYPES } = await lib('runtime/dtypes.js');

const size = (shape) => shape.reduce((a, b) => a * b, 1);
const TOLERANCE = { float16: 2e-3, bfloat16: 1.6e-2, float32: 2e-6, float64: 1e-13 };
const decoded = (dtype, buffer) => { const data = new TYPED_ARRAYS[dtype](buffer); return [...data.keys()].map((i) => { const v = decodeAt(dtype, data, i); return isFloat(dtype) ? v : BigInt(v); }); };

/** The names of the table: operators, with the mode of those that have one. */
export const names = Object.keys(PROBES);
/** The dtypes that an operator of that name could have. */
export const dtypesOf = (name) => PROBES[name].dtypes;

/** Whether an engine has a kernel of `name` for `dtype` on a device, and it gives what it must. */
export function hasKernel(engineName, device, name, dtype) {
  const { op = name, operands, integers, integerInputs, integerShape, attributes = {}, outputs = 1, expected, result = (d) => d, shape } = PROBES[name];
  const graph = new Graph(false);
  const given = operands(dtype).map((o) => o && { shape: [o.values.length], dtype, ...o });
  const tensors = given.map((o) => o && { dtype: o.dtype, shape: o.shape, data: encode(o.dtype, o.values.map((v) => (isFloat(o.dtype) ? Number(v) : wrap(o.dtype, v)))) });
  const ints = integerInputs ?? (integers?.length ? [integers] : []);
  const constants = ints.map((list) => graph.constant('int64', integerShape ?? [list.length], list));
  const fed = given.map((o, i) => (o ? graph.input(`x${i}`, o.dtype, o.shape) : constants.shift()));
  const out = { dtype: result(dtype), shape: shape ?? (given[0].shape.length ? given[0].shape : []) };
  graph.output(graph.nodeWithOutputs(op, [...fed, ...constants], outputs, attributes)[0], out.dtype, out.shape);
  const answer = { ...out, data: new ArrayBuffer(size(out.shape) * DTYPES[out.dtype].size) };
  try {
    const session = engine(engineName).createSession(serialize(graph), device === 'cpu' ? {} : { device });
    session.run(tensors.filter(Boolean), [answer]);
    session.dispose();
  } catch {
    return false;
  }
  // What the kernel was given: floats are rounded to the dtype.
  const seen = given.map((o, i) => o && decoded(o.dtype, tensors[i].data));
  const wanted = expected(dtype, ...seen);
  return decoded(out.dtype, answer.data).every((v, i) => (isFloat(out.dtype)
    ? Object.is(v, wanted[i]) || Math.abs(v - wanted[i]) <= TOLERANCE[out.dtype] * (1 + Math.abs(wanted[i]))
    : v === (out.dtype === 'bool' ? wanted[i] : BigInt(wrap(out.dtype, wanted[i])))));
}

/** The table of one engine and device. */
export const tableOf = (engineName, device) => Object.fromEntries(names.map((name) => [name, dtypesOf(name).filter((d) => !PROBES[name].wrong?.includes(d) && hasKernel(engineName, device, name, d))]));

const print = (target, version, table) => `  '${target}': {\n    version: '${version}',\n    kernels: {\n${Object.entries(table).map(([name, dtypes]) => `      '${name}': '${dtypes.join(' ')}',`).join('\n')}\n    },\n  },`;

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const file = join(root, 'lib/lowering/kernel-table.ts');
  const { devices } = await lib('jax/devices.js');
  const { TABLE } = await lib('lowering/kernel-table.js').catch(() => ({ TABLE: {} }));
  const all = new Map(Object.entries(TABLE).map(([target, { version, kernels }]) => [target, [version, Object.fromEntries(Object.entries(kernels).map(([k, v]) => [k, v.split(' ').filter(Boolean)]))]]));
  for (const { name, path, missing } of engines()) {
    if (!path) { console.error(`${name} is left as it is in the table: ${missing}`); continue; }
    const places = ['cpu', ...(devices('cuda').some((d) => d.engine === name) ? ['cuda'] : [])];
    for (const device of places) all.set(`${name} ${device}`, [engine(name).version, tableOf(name, device)]);
  }
  const ordered = names.filter((name) => PROBES[name].ordered);
  const text = [
    '/** Written by `npm run dtypes`, which tries every operator in every dtype: where an engine has a kernel that gives the right numbers. */',
    "export const TABLE: Readonly<Record<string, { readonly version: string; readonly kernels: Readonly<Record<string, string>> }>> = {",
    ...[...all].map(([target, [version, table]]) => print(target, version, table)),
    '};', '',
    '/** Operators that ask for the order of numbers, or divide: uint64 cannot be held as int64 there. */',
    `export const ORDERED: ReadonlySet<string> = new Set('${ordered.join(' ')}'.split(' '));`, '',
  ].join('\n').replace(/'(\w+)':/g, '$1:');
  if (readFileSync(file, { encoding: 'utf8', flag: 'a+' }) !== text) writeFileSync(file, text);
  for (const [target, [version, table]] of all) console.log(`${target} ${version}: ${Object.values(table).reduce((n, d) => n + d.length, 0)} of ${names.reduce((n, name) => n + dtypesOf(name).length, 0)} kernels`);
}
