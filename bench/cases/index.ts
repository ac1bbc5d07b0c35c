/** All cases, by name. A case's module is only loaded in the process that runs it: the harness itself loads no engine. */
import type { Variant } from '../protocol.js';
import type { Target } from '../report.js';

/** Where a case runs; the engine and device are the default by then. `artifacts` is a folder for training artifacts. */
export interface Place { engine: string, device: 'cpu' | 'cuda', artifacts: string, part?: string }

/** What a case's module exports. */
export interface CaseModule { variants(place: Place): Record<string, Variant> }

export interface BenchCase {
  description: string;
  load: () => Promise<CaseModule>;
  targets: Target[];
  /** What is measured one after the other, each in processes of its own: then peak memory is each one's. */
  parts?: string[];
  /** Of our own variants: those with this ending are reported as parts of those without. */
  fraction?: string;
  /** Whether it runs once on each engine and beside the peers; otherwise once, alone. */
  compared: boolean;
  /** What a step must read and write at least, by variant. */
  bytes?: Record<string, number>;
}

/** Of the `optimizers` case. */
const PARAMETERS = 784 * 4096 + 4096 * 4096 + 4096 * 1220;

const haiku = (variant: string) => ({ contender: 'dm-haiku', variant });
/** Sessions are held against the same calls from C++. */
const DRIVER: Target[] = ['session, classic', 'session, in-graph'].map((variant) =>
  ({ variant: new RegExp(`^${variant}$`), reference: { contender: 'C++ driver', variant }, ratio: 1.3 }));

export const CASES: Record<string, BenchCase> = {
  notebook: {
    description: 'MLP 300-100-10, batch 10, middle layer frozen, SGD: what a step costs beside its arithmetic',
    load: () => import('./notebook.js'), compared: true,
    targets: [{ variant: /^(trainStep|jit)$/, reference: haiku('jit'), ratio: 0.75 }, ...DRIVER],
  },
  mlp: {
    description: 'MLP 784-2048-2048-1000, batch 128, middle layer frozen, SGD: arithmetic',
    load: () => import('./mlp.js'), compared: true,
    targets: [{ variant: /^(trainStep|jit)$/, reference: haiku('jit'), ratio: 1.05 }, ...DRIVER],
  },
  init: {
    description: 'initialising 25 M parameters',
    load: () => import('./init.js'), compared: true,
    targets: [{ variant: /original/, reference: haiku('eager, original') }, { variant: /^/, reference: haiku('eager') }],
  },
  ops: {
    description: 'single operations, forward and with gradients',
    load: () => import('./ops.js'), compared: true,
    targets: [{ variant: /^/, sameOf: 'jax', ratio: 1.5 }],
  },
  modules: {
    description: 'LeNet, ResNet-18, LSTM and a transformer: init, forward, and a step of Adam with everything or only the head trainable',
    load: () => import('./modules.js'), compared: true, parts: ['lenet', 'resnet18', 'lstm', 'transformer'], fraction: ', head only',
    targets: [{ variant: /^/, sameOf: 'dm-haiku', ratio: 1 }],
  },
  finetune: {
    description: 'a ResNet-18 from an ONNX file, batch 8 at 224 x 224: a step of Adam with its trunk frozen, and whole',
    load: () => import('./finetune.js'), compared: true, parts: ['head only', 'whole'],
    targets: [{ variant: /^/, sameOf: 'torch', ratio: 1 }],
  },
  compile: {
    description: 'trace, lowering and session of a training step: the notebook, and ResNet-50 with a batch of 8 at 224 x 224',
    load: () => import('./compile.js'), compared: false,
    targets: [{ variant: /^notebook/, atMostMs: 50 }, { variant: /^resnet50/, atMostMs: 5000, atMostMB: 1500 }],
  },
  optimizers: {
    description: 'the update of 25 M parameters, given gradients',
    load: () => import('./optimizers.js'), compared: true,
    targets: [{ variant: /^/, sameOf: ['dm-haiku', 'torch'], ratio: 1 }],
    // Parameters, gradients and moments are read, and all but the gradients written; a norm reads the gradients once more.
    bytes: Object.fromEntries(Object.entries({ sgd: 3, 'sgd momentum': 5, adamw: 7, 'adamw clipped': 8, rmsprop: 5, lion: 5 }).map(([name, arrays]) => [name, arrays * 4 * PARAMETERS])),
  },
  memory: {
    description: 'a step of AdamW on an MLP of 25 M parameters, batch 8: four times the parameters are 381 MB',
    load: () => import('./memory.js'), compared: true, targets: [],
  },
  startup: {
    description: "import 'hokku', and the demo's first step after it, each in a fresh process",
    load: () => import('./startup.js'), compared: false,
    targets: [{ variant: /^import/, atMostMs: 60 }, { variant: /^first step/, atMostMs: 300 }],
  },
};
