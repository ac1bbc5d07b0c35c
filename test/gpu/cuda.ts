/** Where the GPU tests run, and why they cannot where that is so. */
import { devices, type Device, type EngineName } from '../../lib/jax/index.js';
import { engine, engines } from '../../lib/runtime/engines.js';

/** The engine whose CUDA is used: a process uses one. */
const ENGINE: EngineName = 'onnxruntime-training';

/** The GPU, or the reason why there is none. Loads the engine, so only a running test may ask. */
function look(): Device | string {
  const { path, missing } = engines().find(({ name }) => name === ENGINE)!;
  if (!path) return missing!;
  try {
    engine(ENGINE).allocate(4, 0).dispose();
  } catch (error) {
    return (error as Error).message;
  }
  return devices('cuda').find((d) => d.engine === ENGINE) ?? `${ENGINE} can allocate on the GPU, but devices('cuda') does not list it`;
}

/** A group of tests that needs the GPU; elsewhere all are pending, and the reason is printed. */
export function onGpu(title: string, tests: (gpu: () => Device) => void): void {
  describe(`on the GPU: ${title}`, () => {
    let found: Device | string;
    before(function () {
      found = look();
      if (typeof found !== 'string') return;
      console.log(`    pending: ${found}`);
      this.skip();
    });
    tests(() => found as Device);
  });
}
