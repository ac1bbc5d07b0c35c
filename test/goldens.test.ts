/** Every golden case of the groups done so far, each a test of its own; one that needs a missing name is pending. */
import { strict as assert } from 'node:assert';
import { join } from 'node:path';
import { loadApi } from './goldens/api.js';
import { findCases, goldensFolder, readCase, type Case } from './goldens/cases.js';
import { runCase, waysOf } from './goldens/run.js';
import { EAGER, WAYS, type Way } from './goldens/ways.js';

const GROUPS = ['data_structures', 'errors', 'initializers', 'naming', 'notebook', 'optimizers', 'prng', 'programs'];

const cases = (group: string): Case[] => findCases([join(goldensFolder(), group)]).map(readCase);
function test(it_: Case, way: Way): void {
  it(it_.name, async function () {
    const { outcome, mismatches, missing } = runCase(await loadApi(), it_, way);
    if (outcome === 'skipped') {
      this.test!.title += ` (the public API has no ${missing.join(', ')} yet)`;
      this.skip();
    }
    assert.equal(outcome, 'passed', mismatches.map(({ what, why }) => `${what}: ${why}`).join('\n'));
  });
}

describe('goldens', () => {
  for (const group of GROUPS) {
    describe(group, () => {
      const all = cases(group);
      it('has cases', () => assert.notEqual(all.length, 0));
      for (const it_ of all) test(it_, EAGER);
    });
  }
});

/** How many cases of a group go each way; all of them with HOKKU_LONG=1. */
const SAMPLE: Readonly<Record<string, number>> = { losses: 2, notebook: 1, optimizers: 12 };
const LONG = Boolean(process.env['HOKKU_LONG']);
const seed = Number(process.env['HOKKU_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

describe(`goldens by training${LONG ? '' : ` (a sample; HOKKU_SEED=${seed} takes the same again, HOKKU_LONG=1 all)`}`, () => {
  let state = seed;
  const random = (): number => { state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff; return state / 2 ** 31; };
  for (const [group, some] of Object.entries(SAMPLE)) {
    const all = cases(group).filter((it_) => waysOf(it_).length > 1);
    for (const way of WAYS.filter((w) => w !== EAGER)) {
      describe(`${group}: ${way.name}`, () => {
        if (way.missing !== undefined) { it.skip(way.missing); return; }
        const chosen = LONG ? all : all.map((it_) => [random(), it_] as const).sort(([a], [b]) => a - b).slice(0, some).map(([, it_]) => it_);
        for (const it_ of chosen) test(it_, way);
      });
    }
  }
});
