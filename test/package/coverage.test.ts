import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import * as haiku from '../../lib/index.js';
import * as jax from '../../lib/jax/index.js';
import * as optax from '../../lib/optax/index.js';
import { packageRoot } from '../../lib/runtime/native.js';
import { camelCase } from '../goldens/names.js';

type Coverage = (libraries: unknown, name: (of: string) => string) => { text: string; unexplained: string[]; unknown: string[] };

describe('docs/coverage.md', () => {
  let made: ReturnType<Coverage>;
  before(async () => {
    const { coverage } = await import(pathToFileURL(join(packageRoot(), 'scripts/coverage.mjs')).href) as { coverage: Coverage };
    made = coverage({ jax, haiku, optax }, camelCase);
  });

  it('gives every name that is not there a reason, and reasons to names of the peers only', () => {
    expect(made.unexplained, 'in scripts/coverage/reasons.json').to.deep.equal([]);
    expect(made.unknown, 'in scripts/coverage/reasons.json').to.deep.equal([]);
  });
  it('is up to date with the library (npm run coverage)', () => {
    expect(readFileSync(join(packageRoot(), 'docs/coverage.md'), 'utf8')).to.equal(made.text);
  });
});
