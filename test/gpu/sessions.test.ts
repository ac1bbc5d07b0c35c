import { expect } from 'chai';
import { engine } from '../../lib/runtime/engines.js';
import { binary } from '../runtime/models.js';
import { onGpu } from './cuda.js';

const floats = (...values: number[]) => ({ dtype: 'float32' as const, shape: [values.length], data: Float32Array.from(values).buffer });

onGpu('sessions', (gpu) => {
  const open = () => engine(gpu().engine as string).createSession(binary('Add'), { device: 'cuda', deviceId: 0 });

  it('take CPU memory and give CPU memory', () => {
    const session = open();
    const [z] = session.run([floats(1, 2), floats(10, 20)]);
    expect([...new Float32Array(z.data as ArrayBuffer)]).to.deep.equal([11, 22]);
    session.dispose();
  });

  it('are bound to GPU memory, again and again', () => {
    const session = open();
    const spec = { dtype: 'float32' as const, shape: [2] };
    const binding = session.bind([spec, spec], [spec]);
    const [x, y, z] = [0, 1, 2].map(() => engine(gpu().engine as string).allocate(8, 0));
    const out = new ArrayBuffer(8);
    for (let i = 0; i < 100; i++) {
      x.copyFrom(Float32Array.of(i, 1));
      y.copyFrom(Float32Array.of(1, i));
      binding.run([x, y, z]);
      z.copyTo(out);
      expect([...new Float32Array(out)]).to.deep.equal([i + 1, i + 1]);
    }
    z.dispose();
    expect(() => binding.run([x, y, z])).to.throw(/dispos/);
    binding.dispose();
    session.dispose();
    for (const buffer of [x, y]) buffer.dispose();
  });

  it('run beside the event loop', async () => {
    const session = open();
    const results = await Promise.all([1, 2, 3].map((i) => session.runAsync([floats(i, i), floats(1, 2)])));
    expect(results.map(([z]) => [...new Float32Array(z.data as ArrayBuffer)])).to.deep.equal([[2, 3], [3, 4], [4, 5]]);
    session.dispose();
  });

  it('refuse GPU memory on the CPU', () => {
    const session = engine(gpu().engine as string).createSession(binary('Add'));
    const buffer = engine(gpu().engine as string).allocate(8, 0);
    expect(() => session.run([{ dtype: 'float32', shape: [2], data: buffer }, floats(1, 2)])).to.throw(/Expected CPU memory .* make the session with device 'cuda'/);
    buffer.dispose();
    session.dispose();
  });
});
