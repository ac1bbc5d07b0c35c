import { expect } from 'chai';
import { defaultDevice, devicePut, devices, grad, jit, nn, numpy as jnp, random, tree, vmap, type Array, type Device, type EngineName } from '../../lib/jax/index.js';
import { ConcreteArray } from '../../lib/jax/array.js';
import { engine } from '../../lib/runtime/engines.js';
import { refused } from '../haiku/helpers.js';
import { bits, distance } from '../training/notebook.js';
import { onGpu } from './cuda.js';

const concrete = (x: Array) => x as ConcreteArray;
const there = (x: Array): Device => concrete(x).device;

onGpu('arrays', (gpu) => {
  it('is listed once for its engine', () => {
    const found = devices('cuda').filter((d) => d.engine === gpu().engine);
    expect(found).to.deep.equal([gpu()]);
    expect(`${gpu()}`).to.equal('cuda:0');
  });

  it('devicePut goes there and back, in every bit and dtype', () => {
    for (const x of [jnp.array([1, -0, NaN, Infinity]), jnp.arange(7), jnp.array([true, false]), random.PRNGKey(3), jnp.array(new Float64Array([0.1])), jnp.array(new BigInt64Array([-5n])), jnp.zeros([3, 0]), jnp.ones([2], { dtype: 'float16' })]) {
      const y = devicePut(x, gpu());
      expect(there(y)).to.equal(gpu());
      expect(bits(y), String(x)).to.equal(bits(x));
      const [cpu] = devices('cpu');
      const z = devicePut(y, cpu);
      expect(there(z)).to.equal(cpu);
      expect(bits(z)).to.equal(bits(x));
      expect(devicePut(y, gpu()), 'already there').to.equal(y);
    }
  });

  it('an array that was disposed of says so, and may be disposed of twice', () => {
    const x = devicePut(jnp.ones([4]), gpu());
    concrete(x).dispose();
    concrete(x).dispose();
    refused(() => x.data, 'DisposedError', /was disposed of/);
    const f = jit((a: Array) => a.add(1), { engine: gpu().engine as EngineName, device: gpu() });
    refused(() => f(x), 'DisposedError', /was disposed of/);
  });

  it('buffers: copies check their sizes, and disposed ones refuse', () => {
    const buffer = engine(gpu().engine as EngineName).allocate(16, 0);
    const out = new ArrayBuffer(16);
    buffer.copyFrom(Float32Array.of(1, 2, 3, 4));
    buffer.copyTo(out);
    expect([...new Float32Array(out)]).to.deep.equal([1, 2, 3, 4]);
    expect(() => buffer.copyFrom(new ArrayBuffer(8))).to.throw(/16|8/);
    buffer.dispose();
    buffer.dispose();
    expect(buffer.disposed).to.equal(true);
    expect(() => buffer.copyTo(out)).to.throw(/dispos/);
    expect(() => engine(gpu().engine as EngineName).allocate(4, 99)).to.throw(/no CUDA device 99/);
  });

  it('memory that is disposed of comes back', () => {
    for (let i = 0; i < 1000; i++) engine(gpu().engine as EngineName).allocate(256 << 20, 0).dispose();
  });

  describe('computes what the CPU computes', () => {
    const x = random.normal(random.PRNGKey(0), [16, 32]);
    const w = random.normal(random.PRNGKey(1), [32, 8]);
    const functions: Record<string, (x: Array, w: Array) => unknown> = {
      'matrix products': (a, b) => jnp.matmul(a, b),
      'elementwise chains': (a) => jnp.tanh(a.mul(2).add(1)).sub(jnp.exp(a.neg()).div(3)),
      'reductions': (a) => [jnp.sum(a), jnp.mean(a, { axis: 0 }), jnp.max(a, { axis: 1 }), jnp.argmax(a, { axis: -1 })],
      'softmax': (a, b) => nn.logSoftmax(jnp.matmul(a, b)),
      'gradients': (a, b) => grad((p: Array) => jnp.mean(nn.relu(jnp.matmul(a, p))))(b),
      'vmap': (a, b) => vmap((row: Array) => jnp.matmul(row, b))(a),
      'indexing': (a) => [a.index(3), jnp.take(a, jnp.array([1, 5], { dtype: 'int32' }), { axis: 0 }), a.reshape([8, 64])],
    };
    for (const [name, f] of Object.entries(functions)) {
      it(name, () => {
        const run = jit(f as (...args: Array[]) => unknown, { engine: gpu().engine as EngineName, device: gpu() });
        const got = run(devicePut(x, gpu()), devicePut(w, gpu()));
        for (const y of tree.leaves(got)) expect(there(y as Array), 'where the result is').to.equal(gpu());
        expect(distance(got, f(x, w))).to.be.below(1e-4);
      });
    }
    it('random bits, every one', () => {
      const draw = (key: Array) => [random.split(key), random.permutation(key, 64), random.uniform(key, [64])];
      expect(bits(jit(draw, { engine: gpu().engine as EngineName, device: gpu() })(random.PRNGKey(5)))).to.equal(bits(draw(random.PRNGKey(5))));
    });
    it('eagerly, where the GPU is the default device', () => {
      const y = defaultDevice(gpu(), () => jnp.matmul(devicePut(x), devicePut(w)).add(1));
      expect(there(y)).to.equal(gpu());
      expect(distance(y, jnp.matmul(x, w).add(1))).to.be.below(1e-4);
    });
    it('asynchronously', async () => {
      const f = jit((a: Array, b: Array) => jnp.matmul(a, b), { engine: gpu().engine as EngineName, device: gpu() });
      expect(distance(await f.async(devicePut(x, gpu()), devicePut(w, gpu())), jnp.matmul(x, w))).to.be.below(1e-4);
    });
  });

  it('takes arrays of the CPU beside its own', () => {
    const f = jit((a: Array, b: Array) => a.add(b), { engine: gpu().engine as EngineName, device: gpu() });
    expect(f(devicePut(jnp.array([1, 2]), gpu()), jnp.array([10, 20])).tolist()).to.deep.equal([11, 22]);
  });

  it('donated arrays are gone, and their memory is given up', () => {
    const f = jit((a: Array) => a.add(1), { engine: gpu().engine as EngineName, device: gpu(), donateArgnums: [0] });
    // A quarter of a GiB each: were donated memory kept until the collector comes, this loop would need 250 GiB.
    let x = devicePut(jnp.zeros([1 << 26]), gpu());
    const first = x;
    for (let i = 0; i < 1000; i++) x = f(x);
    expect(concrete(first).disposed).to.equal(true);
    refused(() => first.data, 'DisposedError', /was donated/);
    refused(() => f(first), 'DisposedError', /was donated/);
    expect(defaultDevice(gpu(), () => x.index(0)).item()).to.equal(1000);
  });
});
