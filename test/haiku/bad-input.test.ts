/** What a user gets wrong: one sentence each, that names the thing, what was expected, and what was given. */
import * as hk from '../../lib/index.js';
import { jit, numpy as jnp, random, type Array } from '../../lib/jax/index.js';
import { inInit, refused } from './helpers.js';

const x = jnp.ones([4, 3]);
const image = jnp.ones([1, 5, 5, 1]);
const wrong = (value: unknown): any => value;
const mlp = hk.transform((v: Array) => new hk.nets.MLP([5, 2])(v));
const norm = hk.transformWithState((v: Array, isTraining: boolean) => new hk.BatchNorm(true, true, 0.9)(v, isTraining));
const [normParams, normState] = norm.init(1, x, true);
const params = mlp.init(1, x);

/** Each runs in an `init` of its own. */
const CASES: [what: string, f: () => unknown, name: string, message: RegExp][] = [
  ['a size left out', () => new hk.Linear(wrong(undefined)), 'TypeError', /hk\.Linear: outputSize must be a whole number, but got undefined/],
  ['a size as text', () => new hk.Linear(wrong('3')), 'TypeError', /outputSize must be a whole number, but got string '3'/],
  ['a negative size', () => new hk.Conv2D(-1, 3), 'TypeError', /hk\.Conv2D: outputChannels must be a whole number, but got -1/],
  ['a kernel left out', () => new hk.Conv2D(3, wrong(undefined)), 'TypeError', /hk\.Conv2D: kernelShape must be a whole number/],
  ['a kernel of nothing', () => new hk.Conv2D(3, [3, 0]), 'TypeError', /hk\.Conv2D: kernelShape must be a whole number of at least 1, but got 0/],
  ['a stride of nothing', () => new hk.Conv2DTranspose(3, 3, { stride: 0 }), 'TypeError', /hk\.Conv2DTranspose: stride must be a whole number of at least 1, but got 0/],
  ['a rate of nothing', () => new hk.DepthwiseConv2D(1, 3, { rate: 0 }), 'TypeError', /hk\.DepthwiseConv2D: rate must be a whole number of at least 1, but got 0/],
  ['a padding that there is not', () => new hk.Conv2D(3, 3, { padding: 'sam' }), 'ValueError', /hk\.Conv2D: padding must be 'SAME', 'SAME_LOWER', 'VALID' or pairs of numbers, but got 'sam'/],
  ['classes left out', () => new hk.nets.ResNet18(wrong(undefined)), 'TypeError', /whole number, but got undefined/],
  ['an input left out', () => new hk.Linear(3)(wrong(undefined)), 'TypeError', /hk\.Linear: inputs must be an array, but got undefined/],
  ['an attention with one input', () => new hk.MultiHeadAttention(2, 3, { wInitScale: 1 })(x, wrong(undefined), x), 'TypeError', /hk\.MultiHeadAttention: key must be an array/],
  ['a mask of the wrong shape', () => new hk.MultiHeadAttention(2, 3, { wInitScale: 1 })(x, x, x, jnp.ones([2, 5, 5])), 'ValueError', /Mask of shape \[2,5,5\] does not broadcast to the logits \[2,4,4\]/],
  ["a kernel's mask of the wrong shape", () => new hk.Conv2D(3, 3, { mask: jnp.ones([2, 2, 1, 3]) })(image), 'ValueError', /mask needs to have the same shape as the weights, \[3,3,1,3\], but has \[2,2,1,3\]/],
  ['an input of the wrong rank', () => new hk.Conv2DTranspose(3, 3)(x), 'ValueError', /hk\.Conv2DTranspose: Input needs to have rank 3 \(unbatched\) or 4, but it has shape \[4,3\]/],
  ['a depthwise input of the wrong rank', () => new hk.DepthwiseConv2D(1, 3)(x), 'ValueError', /hk\.DepthwiseConv2D: Input needs to have rank 4/],
  ['layers that are no list', () => new hk.Sequential(wrong(3)), 'TypeError', /layers must be a list of functions or modules, but got number 3/],
  ['a layer that is no function', () => new hk.Sequential([wrong(3)]), 'TypeError', /layer 0 is number 3/],
  ['sizes that are no list', () => new hk.nets.MLP(wrong(3)), 'TypeError', /hk\.nets\.MLP: outputSizes must be a list of whole numbers, but got number 3/],
  ['a norm that was not told what to create', () => new hk.LayerNorm(-1, wrong(undefined), true), 'TypeError', /hk\.LayerNorm: createScale must be true or false/],
  ['a state left out', () => new hk.LSTM(3)(x, wrong(null)), 'TypeError', /hk\.LSTM: the state must be \{ hidden, cell \}.*got null/],
  ['a state left out of a plain core', () => new hk.GRU(3)(x, wrong(undefined)), 'TypeError', /hk\.GRU: the state must be an array/],
  ['a core that is none', () => hk.dynamicUnroll(wrong(new hk.Linear(3)), x, null), 'TypeError', /hk\.dynamicUnroll: a core must return \[outputs, state\]/],
  ['a reshape that does not come out even', () => new hk.Reshape([5, -1])(x), 'ValueError', /the 3 elements that \[4,3\] has after 1 preserved axes do not make \[5,-1\]/],
  ['dropout without a key', () => hk.dropout(wrong(null), 0.5, x), 'TypeError', /hk\.dropout: the first argument is a key/],
  ['a hidden size left out', () => new hk.GRU(wrong(undefined)), 'TypeError', /hk\.GRU: hiddenSize must be a whole number, but got undefined/],
  ['a decay left out', () => new hk.BatchNorm(true, true, wrong(undefined)), 'TypeError', /hk\.BatchNorm: decayRate must be a number, but got undefined/],
  ['a decay of an average left out', () => new hk.ExponentialMovingAverage(wrong(undefined)), 'TypeError', /hk\.ExponentialMovingAverage: decay must be a number/],
  ['the average of a boolean', () => new hk.ExponentialMovingAverage(0.9)(wrong(true)), 'TypeError', /the value must be a number, but got boolean true/],
  ['a cost left out', () => new hk.nets.VectorQuantizer(3, 4, wrong(undefined)), 'TypeError', /commitmentCost must be a number/],
  ['an axis of a batch norm that is no list', () => new hk.BatchNorm(true, true, 0.9, { axis: wrong(1) }), 'TypeError', /hk\.BatchNorm: axis must be a list of whole numbers, but got number 1/],
  ['axes of a bias that are no list', () => new hk.Bias({ biasDims: wrong(1) }), 'TypeError', /hk\.Bias: biasDims must be a list of whole numbers/],
  ['axes of a dropout that are no list', () => hk.dropout(hk.nextRngKey(), 0.5, x, { broadcastDims: wrong(0) }), 'TypeError', /hk\.dropout: broadcastDims must be a list/],
  ['a shape that is no list', () => new hk.Reshape(wrong(4)), 'TypeError', /hk\.Reshape: outputShape must be a list of whole numbers/],
  ['half an axis', () => new hk.Flatten({ preserveDims: 1.5 }), 'TypeError', /hk\.Flatten: preserveDims must be a whole number/],
  ['an axis given twice', () => new hk.RMSNorm([0, 0])(x), 'ValueError', /hk\.RMSNorm: each axis may be given once/],
  ['ids that are not whole', () => new hk.Embed({ vocabSize: 3, embedDim: 2 })([1.5]), 'ValueError', /hk\.Embed: the ids must be an array of integers, but got float32/],
  ['a lookup style that is no name', () => new hk.Embed({ vocabSize: 3, embedDim: 2 })([1], { lookupStyle: wrong(3) }), 'TypeError', /the lookup style is a name, but got number 3/],
  ['layers of a core left out', () => new hk.DeepRNN(wrong(undefined)), 'TypeError', /expected a list of layers, but got undefined/],
  ['padding that is no list', () => new hk.Conv1D(3, 3, { padding: wrong(3) }), 'TypeError', /Padding must be a list, but got number 3/],
  ['a pair among padding functions', () => new hk.Conv2D(3, 3, { padding: wrong([hk.pad.full, [1, 1]]) }), 'TypeError', /begins with a function has functions only/],
  ['small letters and strides', () => new hk.Conv1DTranspose(3, 3, { stride: 2, padding: 'same' }), 'ValueError', /hk\.Conv1DTranspose: 'same' in small letters goes without strides/],
  ['an activation that is no function', () => new hk.nets.MLP([3], { activation: wrong(3) }), 'TypeError', /hk\.nets\.MLP: activation: expected a function, got number/],
  ['a batch of no function', () => new hk.BatchApply(wrong(undefined)), 'TypeError', /hk\.BatchApply: expected a function/],
  ['a batch function that gives a number', () => new hk.BatchApply(() => 1)(x), 'TypeError', /the function must return arrays, but gave number 1/],
  ['a turn that gives no pair', () => hk.scan((c: Array) => c, 0, x), 'TypeError', /hk\.scan: the function must return \[carry, y\]/],
  ['a pattern that is none', () => new hk.EMAParamsTree(0.9, { ignoreRegex: '(' })({ a: { w: x } }), 'ValueError', /ignoreRegex: '\(' is no regular expression/],
  ['a constant left out', () => new hk.initializers.Constant(wrong(undefined)), 'TypeError', /hk\.initializers\.Constant: expected a number or an array, but got undefined/],
  ['one axis of fan-in', () => new hk.initializers.VarianceScaling({ fanInAxes: wrong(1) }), 'TypeError', /`fanInAxes` must be a list of axes/],
  ['an initialiser in place of options', () => hk.getParameter('w', [2], wrong(jnp.zeros)), 'TypeError', /hk\.getParameter: the last argument is an options object \(\{ dtype, init \}\), but got the function zeros\.$/],
  ['a name that is none', () => hk.getParameter(wrong(3), [2], { init: jnp.zeros }), 'TypeError', /hk\.getParameter: the name is a string, but got number 3/],
  ['a state without a value', () => hk.setState('s', undefined), 'TypeError', /hk\.setState of 's': no value was given/],
  ['one and a half keys', () => hk.nextRngKeys(1.5), 'TypeError', /the number of keys must be whole, but got number 1\.5/],
  ['a part that is no number', () => hk.dataStructures.partitionN(() => wrong('a'), { a: { w: 1 } }, 2), 'TypeError', /must give numbers, but gave string 'a'/],
  ['a mapping that is none', () => hk.dataStructures.toImmutableDict(wrong(3)), 'TypeError', /hk\.dataStructures\.toImmutableDict: expected a mapping, but got number 3/],
  ['the mean of booleans', () => hk.avgPool(x.gt(0), 2, 2, 'SAME'), 'TypeError', /hk\.avgPool: expected numbers, but got bool/],
  ['a shape with a hole', () => hk.getParameter('w', [2, wrong(undefined)], { init: jnp.zeros }), 'TypeError', /hk\.getParameter of 'w': the shape \[2, undefined\] should have whole numbers only/],
  ['an initialiser that is no function', () => hk.getParameter('w', [2], { init: wrong(3) }), 'TypeError', /init of '~\/w' must be a function/],
  ['a constructor without super', () => new (hk.module(class Foo extends hk.Module { constructor() { if (!wrong(1)) super(); } }))(), 'ValueError', /without calling the super constructor is not supported: Foo/],
  ['a module without call', () => new (hk.module(class Foo extends hk.Module {}))()(x), 'TypeError', /Foo is called as a function, but has no method `call`/],
  ['a class without the decorator', () => new (class Foo extends hk.Module {})(), 'TypeError', /Foo extends hk\.Module without its decorator/],
  ['a key where none was given', () => mlp.init(null, x), 'MissingRNGError', /must pass a non-null PRNGKey/],
  ['BatchNorm without isTraining', () => norm.apply(normParams, normState, null, x, wrong(undefined)), 'TypeError', /isTraining must be true or false/],
  ['isTraining as an argument of jit', () => jit(norm.init)(random.PRNGKey(0), x, true), 'TypeError', /isTraining must be true or false, but got an array bool\[\]: .*static argument: jit\(f, \{ staticArgnums \}\)/],
  ['a class without new', () => wrong(hk.Linear)(3), 'TypeError', /^Linear is a class of modules: write new Linear\(…\)/],
  ['an initialiser of another shape', () => hk.getParameter('w', [2], { init: () => jnp.zeros([3]) }), 'ValueError', /'~\/w' with retrieved shape \[3\] does not match shape=\[2\] dtype=float32: that is what its initialiser returned/],
  ['a state of another batch', () => { const core = new hk.LSTM(5); return core(x, core.initialState(2)); }, 'ValueError', /inputs of the shape \[4,3\] go with a hidden state of the shape \[4,5\], but it is \[2,5\]: make it with initialState\(4\)/],
  ['BatchNorm without averages', () => norm.init(1, x, false), 'ValueError', /No value for 'average'.*let init run with isTraining true/],
  ['missing state', () => norm.apply(normParams, {}, null, x, false), 'ValueError', /No value for 'average' in 'batch_norm\/~\/mean_ema'.*Give apply the state that init returned/],
  ['a shape that changed', () => mlp.apply(params, null, jnp.ones([4, 7])), 'ValueError', /'mlp\/~\/linear_0\/w' with retrieved shape \[3,5\] does not match shape=\[7,5\]/],
  ['a shape that changed under jit', () => jit(mlp.apply)(params, null, jnp.ones([4, 7])), 'ValueError', /does not match shape=\[7,5\]/],
  ['a pattern that matches nothing', () => hk.freeze(params, 'mlp/~/linear0'), 'ValueError', /did you mean 'mlp\/~\/linear_0'/],
];

describe('bad input', () => {
  for (const [what, f, name, message] of CASES) it(what, () => inInit(() => refused(f, name, message)));
  it('a module used outside', () => {
    refused(() => new hk.Linear(3), 'ValueError', /must be initialized inside an `hk\.transform`/);
    const kept = inInit(() => new hk.Linear(3));
    refused(() => kept(x), 'ValueError', /must be initialized inside an `hk\.transform`/);
  });
  it('a name given twice', () => inInit(() => {
    for (const name of ['a', 'a_1']) new hk.Linear(2, { name });
    refused(() => new hk.Linear(2, { name: 'a_1' }), 'ValueError', /'a_1' is not unique/);
  }));
});
