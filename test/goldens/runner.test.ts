/** The runner's own parts: what they would miss, no golden could find. */
import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileFormatError } from '../../lib/runtime/errors.js';
import { readSafetensors } from '../../lib/training/checkpoints/safetensors.js';
import { loadApi } from './api.js';
import { placeArguments } from './arguments.js';
import { findCases, goldensFolder, packageRoot, readCase } from './cases.js';
import { compareNumbers } from './compare.js';
import { camelCase } from './names.js';
import { isNoise } from './noise.js';
import { runCase } from './run.js';
import { buildTree, namesIn, pairLeaves } from './trees.js';
import { ARTIFACTS } from './ways.js';

describe('golden runner', () => {
  describe('the argument rule', () => {
    const rows: [string, Parameters<typeof placeArguments>[0], unknown[]][] = [
      ['required ones stay', { callee: 'hk.Linear', args: [3], kwargs: [], names: ['output_size'], required: 1 }, [3]],
      ['keywords with defaults are options', { callee: 'hk.Linear', args: [3], kwargs: [['with_bias', false]], names: ['output_size'], required: 1 }, [3, { withBias: false }]],
      ['positional configuration is an option', { callee: 'hk.MultiHeadAttention', args: [2, 3, 1], kwargs: [], names: ['num_heads', 'key_size', 'w_init_scale'], required: 2 }, [2, 3, { wInitScale: 1 }]],
      ['required keywords are put in order', { callee: 'hk.LayerNorm', args: [], kwargs: [['create_offset', false], ['axis', -1], ['create_scale', true]], names: [], required: 3 }, [-1, true, false]],
      ['shapes are operands', { callee: 'jax.random.normal', args: ['k', [2]], kwargs: [['dtype', 'float16']], names: ['key', 'shape'], required: 1 }, ['k', [2], { dtype: 'float16' }]],
      ['*args come last', { callee: 'lax.cond', args: ['p', 'f', 'g', 'x', 'y'], kwargs: [], names: ['pred', 'true_fun', 'false_fun'], required: 3 }, ['p', 'f', 'g', 'x', 'y']],
      ['an operand by keyword finds its place', { callee: 'hk.MultiHeadAttention.__call__', args: ['q', 'k', 'v'], kwargs: [['mask', 'm']], names: ['query', 'key', 'value'], required: 3 }, ['q', 'k', 'v', 'm']],
      ['unknown callees take what comes', { callee: undefined, args: [1, 2], kwargs: [['a_b', 3]] }, [1, 2, { aB: 3 }]],
    ];
    for (const [name, call, expected] of rows) it(name, () => assert.deepEqual(placeArguments(call), expected));
  });

  it('turns names into camelCase', () => {
    assert.deepEqual(['tree_size', 'PRNGKey', 'l2_loss', '__next__', 'softmax_cross_entropy', 'resnet_v2'].map(camelCase),
      ['treeSize', 'PRNGKey', 'l2Loss', '__next__', 'softmaxCrossEntropy', 'resnetV2']);
  });

  it('compares with both tolerances, NaN and infinities', () => {
    const tolerance = { rtol: 1e-5, atol: 1e-6 };
    assert.equal(compareNumbers('a', [1, NaN, Infinity], [1 + 5e-6, NaN, Infinity], tolerance), null);
    assert.equal(compareNumbers('a', [1], [1 + 2e-5], tolerance)?.error.toExponential(0), '2e-5');
    for (const [a, b] of [[NaN, 1], [1, NaN], [Infinity, 1], [1, Infinity], [-Infinity, Infinity]]) assert.notEqual(compareNumbers('a', [a], [b], tolerance), null);
    assert.notEqual(compareNumbers('a', [1], [1 + 1e-9], { exact: true }), null);
  });

  it('takes noise for noise only where float64 says zero', () => {
    const recorded = [3e-7, -4.8e-7];
    assert.equal(isNoise([-2e-7, 4e-7], recorded, [1e-17, -2e-17], 1), true);
    assert.equal(isNoise([-2e-7, 4e-7], recorded, [1e-17, 2e-7], 1), false, 'a small gradient is no zero');
    assert.equal(isNoise([-2e-7, 4e-6], recorded, [0, 0], 1), false, 'ours is larger');
    assert.equal(isNoise([0, 0], [3e-2, 1], [0, 0], 1), false, 'ours is zero everywhere, but should not be');
    assert.equal(isNoise([NaN, 0], recorded, [0, 0], 1), false);
  });

  it('reads every recorded file, and refuses a truncated one', () => {
    const folder = mkdtempSync(join(tmpdir(), 'hokku-goldens-'));
    try {
      const { arrays } = readCase(join(goldensFolder(), 'notebook', 'before_training.json'));
      assert.deepEqual(arrays.get('original/params/mlp/~/linear_1/w')?.shape, [300, 100]);
      const path = join(folder, 'x.safetensors');
      const header = JSON.stringify({ x: { dtype: 'F32', shape: [2], data_offsets: [0, 8] } });
      const length = Buffer.alloc(8);
      length.writeBigUInt64LE(BigInt(header.length));
      for (const bytes of [0, 4, 7]) {
        writeFileSync(path, Buffer.concat([length, Buffer.from(header), Buffer.alloc(bytes)]));
        assert.throws(() => readSafetensors(path), FileFormatError);
      }
      writeFileSync(path, Buffer.concat([length, Buffer.from(header), Buffer.alloc(8)]));
      assert.equal(readSafetensors(path).get('x')?.data.length, 8);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('walks pictures of trees', () => {
    const picture = { $tuple: [{ $array: 'a', shape: [], dtype: 'float32' }, { $namedtuple: 'S', fields: { the_cell: { $array: 'b', shape: [], dtype: 'float32' } } }, null] };
    const troubles: string[] = [];
    assert.deepEqual(pairLeaves(picture, [1, { theCell: 2 }, null], (t) => troubles.push(t)).map((l) => [l.key, l.value]), [['a', 1], ['b', 2]]);
    assert.equal(troubles.length, 0);
    pairLeaves(picture, [1], (t) => troubles.push(t));
    assert.equal(troubles.length, 1);
    assert.deepEqual(buildTree(picture, (key) => key), ['a', { the_cell: 'b' }, null]);
    assert.deepEqual(namesIn({ m: { w: 0, b: 0 }, a: { x: 0 } }), [['m', 'w'], ['m', 'b'], ['a', 'x']]);
  });

  it('exits with 2 for bad arguments and 1 where nothing ran', () => {
    const main = join(packageRoot(), 'dist', 'test', 'goldens', 'main.js');
    const code = (...args: string[]): number | null => spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' }).status;
    assert.equal(code('--no-such-option'), 2);
    assert.equal(code('/no/such/folder'), 2);
    assert.equal(code('--case', 'no_such_case'), 1);
  });

  it('knows what artifacts cannot do by the optimizer, not by the name of the case', async function () {
    if (ARTIFACTS.missing !== undefined) {
      console.log(`      pending: ${ARTIFACTS.missing}`);
      this.skip();
    }
    const api = await loadApi();
    const zero = { $call: 'optax.set_to_zero', args: [], names: [], required: 0 };
    const chain = (...args: object[]) => ({ $call: 'optax.chain', args, names: args.map((_, i) => `args${i}`), required: args.length });
    const sgd = { $call: 'optax.sgd', args: [{ $float: '0.1' }], names: ['learning_rate'], required: 1 };
    const still = readCase(join(goldensFolder(), 'optimizers', 'set_to_zero.json'));
    const outcome = (program: object) => {
      return runCase(api, { ...still, name: 'frozen', json: { ...still.json, case: 'frozen', program, final_state: undefined } }, ARTIFACTS);
    };
    assert.equal(outcome(zero).outcome, 'passed');
    assert.equal(outcome(chain(sgd, zero)).outcome, 'passed');
    const moves = outcome(chain(zero, sgd, { $call: 'optax.add_decayed_weights', args: [{ $float: '0.1' }], names: ['weight_decay'], required: 0 }));
    assert.equal(moves.outcome, 'failed');
    assert.match(moves.mismatches[0]!.what, /params/);
  });

  it('finds all the cases of the manifest, each file as it was recorded', () => {
    const manifest = JSON.parse(readFileSync(join(goldensFolder(), 'manifest.json'), 'utf8')) as { groups: Record<string, string[]>; sha256: Record<string, string> };
    const found = new Set(findCases([goldensFolder()]));
    for (const [group, cases] of Object.entries(manifest.groups)) for (const name of cases) assert.ok(found.has(join(goldensFolder(), group, `${name}.json`)), `${group}/${name}`);
    for (const [file, hash] of Object.entries(manifest.sha256)) {
      assert.equal(createHash('sha256').update(readFileSync(join(goldensFolder(), file))).digest('hex'), hash, file);
    }
  });
});
