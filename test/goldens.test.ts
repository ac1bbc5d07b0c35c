/** Every golden case of the groups done so far, each a test of its own; one that needs a missing name is pending. */
import { strict as assert } from 'node:assert';
import { join } from 'node:path';
import { loadApi } from './goldens/api.js';
import { findCases, goldensFolder, readCase } from './goldens/cases.js';
import { runCase } from './goldens/run.js';

const GROUPS = ['data_structures', 'errors', 'initializers', 'naming', 'notebook', 'optimizers', 'prng', 'programs'];

describe('goldens', () => {
  for (const group of GROUPS) {
    describe(group, () => {
      const paths = findCases([join(goldensFolder(), group)]);
      it('has cases', () => assert.notEqual(paths.length, 0));
      for (const path of paths) {
        const it_ = readCase(path);
        it(it_.name, async function () {
          const { outcome, mismatches, missing } = runCase(await loadApi(), it_);
          if (outcome === 'skipped') {
            this.test!.title += ` (the public API has no ${missing.join(', ')} yet)`;
            this.skip();
          }
          assert.equal(outcome, 'passed', mismatches.map(({ what, why }) => `${what}: ${why}`).join('\n'));
        });
      }
    });
  }
});
