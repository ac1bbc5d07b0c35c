import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { packageRoot } from '../../lib/runtime/native.js';

describe('package-lock.json', () => {
  it('names no registry', () => {
    const { packages } = JSON.parse(readFileSync(join(packageRoot(), 'package-lock.json'), 'utf8')) as { packages: Record<string, { resolved?: string }> };
    const resolved = Object.entries(packages).filter(([, entry]) => entry.resolved?.includes('://')).map(([path]) => path);
    expect(resolved).to.deep.equal([]);
  });
});
