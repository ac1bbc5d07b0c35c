/** ResNet-50 begins with the very bits that dm-haiku gives it. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import * as hk from '../../lib/index.js';
import { jit, numpy as jnp, random, type Array } from '../../lib/jax/index.js';
import { packageRoot } from '../../lib/runtime/native.js';

/** Written by `recorded/resnet50.py`. */
const { seed, sha256 } = JSON.parse(readFileSync(join(packageRoot(), 'test/haiku/recorded/resnet50.json'), 'utf8')) as { seed: number; sha256: Record<string, string> };
const net = hk.transformWithState((x: Array) => new hk.nets.ResNet50(1000)(x, true));
// No parameter depends on the size of the image.
const image = jnp.zeros([1, 64, 64, 3]);

const digests = (params: hk.Params): Record<string, string> => Object.fromEntries([...hk.dataStructures.traverse(params)].map(([module, name, value]) =>
  [`${module}/${name}`, createHash('sha256').update(value.data).digest('hex')]));

describe('ResNet-50', () => {
  it('begins as in dm-haiku, eagerly', () => expect(digests(net.init(random.PRNGKey(seed), image)[0])).to.deep.equal(sha256));
  it('begins as in dm-haiku, under jit', () => expect(digests(jit(net.init)(random.PRNGKey(seed), image)[0])).to.deep.equal(sha256));
});
