/** However an optimizer is told that parameters are frozen: no gradient of them is in the program, and nothing of them in the state. */
import { expect } from 'chai';
import { join } from 'node:path';
import * as hk from '../../lib/index.js';
import { tree, type Array } from '../../lib/jax/index.js';
import * as optax from '../../lib/optax/index.js';
import { generateArtifacts, trainStep, type TrainStep } from '../../lib/training/index.js';
import { FIRST, LAST, MIDDLE, crossEntropy as loss, makeBatch, makeParams, products, readModel, temporaryFolder } from './artifacts-helpers.js';
import { ENGINES } from './notebook.js';

const params = makeParams();
const batch = makeBatch(0);
const inner = () => optax.chain(optax.scale(0.5), optax.clipByGlobalNorm(1), optax.adamw(1e-3));

/** An optimizer that trains all but these modules. */
const FORMS: Record<string, (frozen: string[], trained: string[]) => optax.GradientTransformation> = {
  'masked, and a masked setToZero': (frozen, trained) => optax.chain(optax.masked(inner(), marks(trained)), optax.masked(optax.setToZero(), marks(frozen))),
  'masked by name, and freeze': (frozen, trained) => optax.chain(optax.masked(inner(), trained), optax.freeze(frozen)),
  'freeze by name, and masked by a function': (frozen, trained) => optax.chain(optax.freeze(frozen), optax.masked(inner(), () => marks(trained))),
  'multiTransform': (frozen) => optax.multiTransform({ train: inner(), freeze: optax.setToZero() }, labels(frozen)),
  'partition by name': (frozen) => optax.partition({ train: inner(), freeze: optax.setToZero() }, { freeze: frozen, train: '**' }),
  'partition by a function': (frozen) => optax.partition({ train: inner(), freeze: optax.setToZero() }, () => labels(frozen)),
  'selectiveTransform': (frozen) => optax.selectiveTransform(inner(), { freezeMask: marks(frozen) }),
  'selectiveTransform by name': (frozen) => optax.selectiveTransform(inner(), { freezeMask: frozen }),
  'partition behind what every gradient goes through': (frozen) => optax.chain(optax.scale(0.5), optax.partition({ train: optax.chain(optax.clipByGlobalNorm(1), optax.adamw(1e-3)), freeze: optax.setToZero() }, labels(frozen))),
};
const marks = (modules: string[]) => hk.dataStructures.map((module) => modules.includes(module), params);
const labels = (frozen: string[]) => hk.dataStructures.map((module) => (frozen.includes(module) ? 'freeze' : 'train'), params);

const equations = (step: TrainStep): number => step.lower(step.init(params), batch).text.split(' = ').length;
/** Of more than one element: counts are not by parameter. */
const stateSizes = (optState: unknown): number[] => (tree.leaves(optState) as Array[]).map((x) => x.size).filter((n) => n > 1).sort((a, b) => a - b);

describe('parameters that an optimizer freezes', () => {
  const folder = temporaryFolder();
  for (const frozen of [[FIRST], [MIDDLE], [FIRST, LAST]]) {
    const trained = [FIRST, MIDDLE, LAST].filter((m) => !frozen.includes(m));
    for (const [name, form] of Object.entries(FORMS)) {
      it(`${frozen.join(' and ')}: ${name}`, () => {
        for (const { name: engine, missing } of ENGINES) {
          if (missing) continue;
          const split = trainStep({ loss, optimizer: inner(), trainable: trained }, { engine });
          const whole = trainStep({ loss, optimizer: form(frozen, trained) }, { engine });
          expect(equations(whole), engine).to.equal(equations(split));
          expect(stateSizes(whole.init(params).optState)).to.deep.equal(stateSizes(split.init(params).optState));
        }
        const [byTrainable, byOptimizer] = [{ optimizer: inner(), trainable: trained }, { optimizer: form(frozen, trained) }].map((how) => {
          const directory = folder();
          return { ...generateArtifacts({ loss, params, batch, ...how }, directory), file: readModel(join(directory, 'training_model.onnx')) };
        });
        expect(byOptimizer.frozen).to.deep.equal(byTrainable.frozen);
        expect(products(byOptimizer.file)).to.equal(products(byTrainable.file));
        const others = byOptimizer.file.inputs.filter((input) => frozen.some((module) => input.includes(module)));
        expect(others.sort(), 'neither moments nor buffers').to.deep.equal(frozen.flatMap((module) => [`${module}/b`, `${module}/w`]).sort());
      });
    }
  }
});
