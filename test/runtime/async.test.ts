import { expect } from 'chai';

import type { NativeSession } from '../../lib/runtime/addon.js';
import { engine } from '../../lib/runtime/engines.js';
import * as errors from '../../lib/runtime/errors.js';
import { binary, f32, floats, slow, square } from './models.js';

const SIZE = 512;
/** Some hundred milliseconds of many short nodes: an abort is seen between nodes. */
const ROUNDS = 100;

const rejection = async (promise: Promise<unknown>): Promise<Error & { code?: string; cause?: unknown }> => {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error('expected a rejection');
};
const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

describe('asynchronous runs', () => {
  let long: NativeSession;
  const spec = { dtype: 'float32', shape: [SIZE, SIZE] } as const;
  const memory = () => [square(SIZE).data, square(SIZE).data, square(SIZE).data];
  before(() => { long = engine().createSession(slow(ROUNDS, SIZE)); });

  it('resolve with what run returns', async () => {
    const session = engine().createSession(binary('Add'));
    const given = f32([0, 0]);
    const [[free], [own]] = await Promise.all([session.runAsync([f32([1, 2]), f32([3, 4])]), session.runAsync([f32([1, 2]), f32([3, 4])], [given])]);
    expect(floats(free!)).to.deep.equal([4, 6]);
    expect(own).to.equal(given);
    expect(floats(given)).to.deep.equal([4, 6]);
  });

  it('leave the event loop free and keep their memory', async () => {
    let ticks = 0;
    const timer = setInterval(() => { ticks++; }, 1);
    let run: Promise<unknown> | undefined = long.runAsync([square(SIZE), square(SIZE)]);
    globalThis.gc?.();
    await run;
    run = undefined;
    clearInterval(timer);
    expect(ticks).to.be.greaterThan(2);
  });

  it('let timers have their turn where one follows another at once, which Node alone does after a thousand', async () => {
    const session = engine().createSession(binary('Add'));
    let [since, most] = [0, 0];
    const timer = setInterval(() => { since = 0; }, 1);
    const loop = async () => {
      for (let i = 0; i < 1500; i++) {
        await session.runAsync([f32([1, 2]), f32([3, 4])]);
        most = Math.max(most, ++since);
      }
    };
    // So many that there is always another that is done.
    await Promise.all([...globalThis.Array(8)].map(loop));
    clearInterval(timer);
    expect(most).to.be.within(1, 500);
  });

  it('reject with what run throws, and with the stack of the caller', async () => {
    const session = engine().createSession(binary('Add', 'float32', ['n']));
    function caller() { return session.runAsync([f32([1, 2]), f32([1, 2, 3])]); }
    const error = await rejection(caller());
    expect(error).to.be.instanceOf(errors.EngineError);
    expect(error.stack).to.match(/^EngineError: ONNX Runtime: /).and.contain('caller');
    expect(await rejection(session.runAsync([]))).to.be.instanceOf(errors.ValueError);
    const resizable = { dtype: 'float32' as const, shape: [2], data: new (ArrayBuffer as unknown as new (n: number, o: object) => ArrayBuffer)(8, { maxByteLength: 16 }) };
    expect((await rejection(session.runAsync([resizable, f32([1, 2])]))).message).to.match(/resizable/);
    expect(await rejection(session.runAsync([f32([1]), f32([1])], [], {} as AbortSignal))).to.be.instanceOf(errors.TypeError);
  });

  it('stop when their signal says so', async () => {
    const controller = new AbortController();
    const begin = performance.now();
    const run = long.runAsync([square(SIZE), square(SIZE)], [], controller.signal);
    await pause(20);
    controller.abort(new Error('enough'));
    const error = await rejection(run);
    expect(error).to.be.instanceOf(errors.AbortError).with.property('code', 'ABORT_ERR');
    expect(error.name).to.equal('AbortError');
    expect((error.cause as Error).message).to.equal('enough');
    const stopped = performance.now() - begin;
    const whole = performance.now();
    await long.runAsync([square(SIZE), square(SIZE)]);
    expect(stopped).to.be.below(performance.now() - whole);
  });

  it('do not start when their signal is aborted, waiting or before', async () => {
    expect(await rejection(long.runAsync([square(SIZE), square(SIZE)], [], AbortSignal.abort()))).to.be.instanceOf(errors.AbortError);
    const controller = new AbortController();
    const first = long.runAsync([square(SIZE), square(SIZE)]);
    const waiting = long.runAsync([square(SIZE), square(SIZE)], [], controller.signal);
    let done = false;
    void first.then(() => { done = true; });
    controller.abort();
    expect(await rejection(waiting)).to.be.instanceOf(errors.AbortError);
    expect(done, 'the first still runs').to.equal(false);
    await first;
  });

  it('forget their signal afterwards', async () => {
    const session = engine().createSession(binary('Add'));
    const controller = new AbortController();
    for (let i = 0; i < 50; i++) await session.runAsync([f32([1, 2]), f32([1, 2])], [], controller.signal);
    controller.abort();
  });

  it('go on when the session is disposed of meanwhile', async () => {
    const session = engine().createSession(slow(20, SIZE));
    const run = session.runAsync([square(SIZE), square(SIZE)]);
    session.dispose();
    expect(await rejection(session.runAsync([square(SIZE), square(SIZE)]))).to.be.instanceOf(errors.DisposedError);
    expect((await run)[0]!.shape).to.deep.equal([SIZE, SIZE]);
  });

  describe('of bindings', () => {
    it('write in place', async () => {
      const session = engine().createSession(binary('Mul'));
      const two = { dtype: 'float32', shape: [2] } as const;
      const z = new ArrayBuffer(8);
      expect(await session.bind([two, two], [two]).runAsync([f32([2, 3]).data, f32([4, 5]).data, z])).to.equal(undefined);
      expect([...new Float32Array(z)]).to.deep.equal([8, 15]);
    });

    it('are one at a time', async () => {
      const binding = long.bind([spec, spec], [spec]);
      const run = binding.runAsync(memory());
      expect(() => binding.run(memory())).to.throw(errors.ValueError, /in flight/).with.property('code', 'IN_FLIGHT');
      expect((await rejection(binding.runAsync(memory()))).code).to.equal('IN_FLIGHT');
      binding.dispose();
      await run;
      expect(() => binding.run(memory())).to.throw(errors.DisposedError);
    });

    it('are free again after errors and aborts', async () => {
      const binding = long.bind([spec, spec], [spec]);
      expect(await rejection(binding.runAsync([]))).to.be.instanceOf(errors.ValueError);
      const controller = new AbortController();
      const run = binding.runAsync(memory(), controller.signal);
      controller.abort();
      expect(await rejection(run)).to.be.instanceOf(errors.AbortError);
      expect(await rejection(binding.runAsync(memory(), AbortSignal.abort()))).to.be.instanceOf(errors.AbortError);
      expect(await rejection(binding.runAsync(memory(), {} as AbortSignal))).to.be.instanceOf(errors.TypeError);
      binding.run(memory());
    });

    it('are never stopped in the middle of writing in place', async () => {
      const controller = new AbortController();
      const [x, w] = memory();
      const inPlace = long.bind([spec, spec], [spec]).runAsync([x!, w!, x!], controller.signal);
      await pause(20);
      controller.abort();
      await inPlace;
      const whole = engine().createSession(slow(ROUNDS, SIZE), { interruptible: false });
      const second = new AbortController();
      const run = whole.runAsync([square(SIZE), square(SIZE)], [], second.signal);
      await pause(20);
      second.abort();
      await run;
    });
  });
});
