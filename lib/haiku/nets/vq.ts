/** Vector quantisation (van den Oord et al. 2017): the discrete middle of a VQ-VAE. */
import { lax, nn, numpy as jnp, stopGradient, type Array } from '../../jax/index.js';
import type { DType } from '../../runtime/dtypes.js';
import { ValueError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import { VarianceScaling } from '../initializers.js';
import { Module, module, type ModuleOptions } from '../module.js';
import { asInput, checkIsTraining, checkNumber } from '../modules/layout.js';
import { ExponentialMovingAverage } from '../modules/moving-averages.js';
import { getParameter, getState, setState } from '../parameters.js';

/** What a quantizer returns; `D` is the embedding's dimension, `K` the number of embeddings, `n` the number of vectors. */
export interface Quantized {
  /** The nearest embeddings, of the inputs' shape; the gradient goes straight through to the inputs. */
  quantize: Array;
  /** To be added to the loss of the model. */
  loss: Array;
  /** How many embeddings are in use, as the exponential of the entropy of their frequencies. */
  perplexity: Array;
  /** One-hot, `[n, K]`. */
  encodings: Array;
  /** `[…]`, int32. */
  encodingIndices: Array;
  /** Squared, `[n, K]`. */
  distances: Array;
}

export interface VectorQuantizerOptions extends ModuleOptions {
  /** Of the embeddings; default float32. */
  dtype?: DType;
  /** The name of a mapped axis whose batches count as one. */
  crossReplicaAxis?: string | undefined;
}

const newEmbeddings = (): VarianceScaling => new VarianceScaling({ distribution: 'uniform' });

/** The rows of `[D, K]` transposed, by index. */
const lookUp = (embeddings: Array, indices: Array): Array => jnp.transpose(embeddings).index(indices);

/** The nearest of the embeddings for every vector; `also` are the embeddings, read once more where Haiku does so, for getters to see. */
function nearest(where: string, inputs: Array, embeddings: Array, also = embeddings): { flat: Array; distances: Array; encodings: Array; encodingIndices: Array } {
  const [dim, count] = embeddings.shape;
  if (inputs.shape.at(-1) !== dim) throw new ValueError(`${where}: the last axis of the inputs [${inputs.shape}] must be of the embedding's size, ${dim}.`);
  const flat = inputs.reshape([-1, dim]);
  const squares = (x: Array, axis: number): Array => jnp.sum(jnp.square(x), { axis, keepdims: true });
  const distances = squares(flat, 1).sub(jnp.matmul(flat, embeddings).mul(2)).add(squares(also, 0));
  const indices = jnp.argmax(distances.neg(), { axis: 1 });
  return { flat, distances, encodings: nn.oneHot(indices, count, { dtype: distances.dtype }), encodingIndices: indices.reshape(inputs.shape.slice(0, -1)) };
}

const meanSquare = (x: Array): Array => jnp.mean(jnp.square(x));

function perplexityOf(encodings: Array, crossReplicaAxis: string | undefined): Array {
  const local = jnp.mean(encodings, { axis: 0 });
  const shares = crossReplicaAxis ? (lax.pmean(local, crossReplicaAxis) as Array) : local;
  return jnp.exp(jnp.sum(shares.mul(jnp.log(shares.add(1e-10)))).neg());
}

const straightThrough = (inputs: Array, quantized: Array): Array => inputs.add(stopGradient(quantized.sub(inputs)));

function checkTraining(where: string, isTraining: unknown): void {
  checkIsTraining(where, isTraining, 'vq(inputs, isTraining)');
}

/**
 * Replaces every vector along the last axis by the nearest embedding, which is learnt by gradient: loss = mean((e - sg x)²)
 * + commitmentCost · mean((sg e - x)²). Parameter: `embeddings` `[embeddingDim, numEmbeddings]`, uniform.
 *
 * ```ts
 * const { quantize, loss } = new hk.nets.VectorQuantizer(64, 512, 0.25)(encoded, isTraining);
 * ```
 * @throws ValueError for inputs whose last axis is not of the embedding's size; TypeError without `isTraining`.
 */
@module('vector_quantizer')
export class VectorQuantizer extends Module<(inputs: Array, isTraining: boolean) => Quantized> {
  readonly embeddingDim: number;
  readonly numEmbeddings: number;
  readonly commitmentCost: number;
  readonly dtype: DType;
  readonly crossReplicaAxis: string | undefined;

  constructor(embeddingDim: number, numEmbeddings: number, commitmentCost: number, options?: VectorQuantizerOptions) {
    const { dtype = 'float32', crossReplicaAxis, name } = checkOptions('hk.nets.VectorQuantizer', options, ['dtype', 'crossReplicaAxis', 'name']);
    super(name);
    this.embeddingDim = embeddingDim;
    this.numEmbeddings = numEmbeddings;
    this.commitmentCost = checkNumber('hk.nets.VectorQuantizer', 'commitmentCost', commitmentCost);
    this.dtype = dtype;
    this.crossReplicaAxis = crossReplicaAxis;
  }

  get embeddings(): Array {
    return getParameter('embeddings', [this.embeddingDim, this.numEmbeddings], { dtype: this.dtype, init: newEmbeddings() });
  }

  override call(inputs: Array, isTraining: boolean): Quantized {
    const where = 'hk.nets.VectorQuantizer';
    checkTraining(where, isTraining);
    const x = asInput('hk.nets.VectorQuantizer', 'inputs', inputs);
    const { distances, encodings, encodingIndices } = nearest(where, x, this.embeddings, this.embeddings);
    const quantized = this.quantize(encodingIndices);
    const loss = meanSquare(quantized.sub(stopGradient(x))).add(meanSquare(stopGradient(quantized).sub(x)).mul(this.commitmentCost));
    return { quantize: straightThrough(x, quantized), loss, perplexity: perplexityOf(encodings, this.crossReplicaAxis), encodings, encodingIndices, distances };
  }

  /** The embeddings of integers: `[…]` → `[…, embeddingDim]`. */
  quantize(encodingIndices: Array): Array { return lookUp(this.embeddings, encodingIndices); }
}

export interface VectorQuantizerEMAOptions extends VectorQuantizerOptions {
  /** Keeps the sizes of unused embeddings' clusters from zero; default 1e-5. */
  epsilon?: number;
}

/**
 * As `VectorQuantizer`, but the embeddings are moving averages of the vectors that were nearest to them, and change in
 * training alone; the loss is the commitment term. Nothing is a parameter. State: `embeddings`, and two averages under
 * `~/ema_cluster_size` and `~/ema_dw`.
 * @throws ValueError for a decay outside [0, 1], and inputs whose last axis is not of the embedding's size; TypeError
 * without `isTraining`.
 */
@module('vector_quantizer_ema')
export class VectorQuantizerEMA extends Module<(inputs: Array, isTraining: boolean) => Quantized> {
  readonly embeddingDim: number;
  readonly numEmbeddings: number;
  readonly commitmentCost: number;
  readonly decay: number;
  readonly epsilon: number;
  readonly dtype: DType;
  readonly crossReplicaAxis: string | undefined;
  readonly #clusterSize: ExponentialMovingAverage;
  readonly #dw: ExponentialMovingAverage;

  constructor(embeddingDim: number, numEmbeddings: number, commitmentCost: number, decay: number, options?: VectorQuantizerEMAOptions) {
    const where = 'hk.nets.VectorQuantizerEMA';
    const { epsilon = 1e-5, dtype = 'float32', crossReplicaAxis, name } = checkOptions(where, options, ['epsilon', 'dtype', 'crossReplicaAxis', 'name']);
    super(name);
    if (!(decay >= 0 && decay <= 1)) throw new ValueError(`${where}: decay must be in range [0, 1], but got ${decay}.`);
    this.embeddingDim = embeddingDim;
    this.numEmbeddings = numEmbeddings;
    this.commitmentCost = checkNumber(where, 'commitmentCost', commitmentCost);
    this.decay = decay;
    this.epsilon = epsilon;
    this.dtype = dtype;
    this.crossReplicaAxis = crossReplicaAxis;
    this.#clusterSize = new ExponentialMovingAverage(decay, { name: 'ema_cluster_size' });
    this.#dw = new ExponentialMovingAverage(decay, { name: 'ema_dw' });
  }

  get embeddings(): Array {
    return getState('embeddings', [this.embeddingDim, this.numEmbeddings], { dtype: this.dtype, init: newEmbeddings() }) as Array;
  }
  /** The average number of vectors that are nearest to each embedding. */
  get emaClusterSize(): ExponentialMovingAverage {
    this.#clusterSize.initialize([this.numEmbeddings], { dtype: this.dtype });
    return this.#clusterSize;
  }
  /** The average sum of the vectors that are nearest to each embedding. */
  get emaDw(): ExponentialMovingAverage {
    this.#dw.initialize([this.embeddingDim, this.numEmbeddings], { dtype: this.dtype });
    return this.#dw;
  }

  override call(inputs: Array, isTraining: boolean): Quantized {
    const where = 'hk.nets.VectorQuantizerEMA';
    checkTraining(where, isTraining);
    const x = asInput('hk.nets.VectorQuantizerEMA', 'inputs', inputs);
    const { flat, distances, encodings, encodingIndices } = nearest(where, x, this.embeddings);
    const quantized = this.quantize(encodingIndices);
    if (isTraining) this.#update(flat, encodings);
    const loss = meanSquare(stopGradient(quantized).sub(x)).mul(this.commitmentCost);
    return { quantize: straightThrough(x, quantized), loss, perplexity: perplexityOf(encodings, this.crossReplicaAxis), encodings, encodingIndices, distances };
  }

  /** The embeddings of integers: `[…]` → `[…, embeddingDim]`. */
  quantize(encodingIndices: Array): Array { return lookUp(this.embeddings, encodingIndices); }

  #update(flat: Array, encodings: Array): void {
    const total = (y: Array): Array => (this.crossReplicaAxis ? (lax.psum(y, this.crossReplicaAxis) as Array) : y);
    const sizes = this.emaClusterSize(total(jnp.sum(encodings, { axis: 0 })));
    const sums = this.emaDw(total(jnp.matmul(jnp.transpose(flat), encodings)));
    const n = jnp.sum(sizes);
    const smoothed = sizes.add(this.epsilon).div(n.add(this.numEmbeddings * this.epsilon)).mul(n);
    setState('embeddings', sums.div(smoothed.reshape([1, -1])));
  }
}
