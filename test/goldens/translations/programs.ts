/**
 * The programs that goldens hold as Python source, line by line in TypeScript. They are found by the name of the
 * function that the source defines; `env` holds its free variables.
 */
import { MissingName, type Any, type Api } from '../api.js';
import { hooked } from './programs-hooks.js';

export type Program = (env: Any, ...inputs: Any[]) => Any;
type Table = Record<string, Program>;

/** The name of the first function that Python source defines. */
export function definedName(source: string): string {
  const match = /^def (\w+)\(/m.exec(source);
  if (!match) throw new Error(`No function is defined in the source: ${source.slice(0, 80)}`);
  return match[1];
}

/** The translation of a program. @throws MissingName where there is none yet. */
export function program(source: string, api: Api): Program {
  const name = definedName(source);
  const table: Table = { ...networks(api), ...structures(api), ...hooked(api) };
  if (!Object.hasOwn(table, name)) throw new MissingName(`a translation of ${name}`);
  return table[name];
}

const networks = ({ hk, jax }: Api): Table => {
  const { numpy: jnp, nn, random } = jax;
  return {
    char_rnn({ size }, ids) {
      const x = new hk.Embed({ vocabSize: 7, embedDim: size })(ids);
      const core = hk.deepRnnWithSkipConnections([new hk.LSTM(size), new hk.LSTM(size)]);
      const [y] = hk.dynamicUnroll(core, x, core.initialState(ids.shape[1]));
      return nn.logSoftmax(new hk.BatchApply(new hk.Linear(7))(y));
    },
    dropout_and_batch_norm({ size, is_training }, x) {
      let h = new hk.Linear(size)(x);
      h = new hk.BatchNorm(true, true, 0.9)(h, is_training);
      h = nn.relu(h);
      if (is_training) h = hk.dropout(hk.nextRngKey(), 0.5, h);
      return new hk.Linear(2)(h);
    },
    image_classifier({ size }, x) {
      x = new hk.Conv2D(size, 3, { stride: 2 })(x);
      x = nn.relu(x);
      x = hk.maxPool(x, [1, 2, 2, 1], [1, 1, 1, 1], 'VALID');
      x = new hk.Conv2D(size * 2, 3, { padding: 'VALID' })(x);
      x = jnp.mean(nn.relu(x), { axis: [1, 2] });
      return nn.logSoftmax(new hk.Linear(4)(x));
    },
    positional_transformer({ size }, ids) {
      const [, T] = ids.shape;
      let h = new hk.Embed({ vocabSize: 9, embedDim: size, wInit: new hk.initializers.TruncatedNormal({ stddev: 0.02 }) })(ids);
      h = h.add(hk.getParameter('positions', [T, size], { init: new hk.initializers.TruncatedNormal({ stddev: 0.02 }) }));
      const mask = jnp.tril(jnp.ones([1, 1, T, T]));
      const wInit = new hk.initializers.VarianceScaling({ scale: 1 });
      for (let layer = 0; layer < 2; layer++) {
        let hn = new hk.LayerNorm(-1, true, true)(h);
        h = h.add(new hk.MultiHeadAttention(2, Math.floor(size / 2), { wInit, modelSize: size })(hn, hn, hn, mask));
        hn = new hk.LayerNorm(-1, true, true)(h);
        // In Python the outer module is constructed before its argument is evaluated.
        const outer = new hk.Linear(size, { wInit });
        h = h.add(outer(nn.gelu(new hk.Linear(4 * size, { wInit })(hn))));
      }
      const last = new hk.Linear(9);
      return last(new hk.LayerNorm(-1, true, true)(h));
    },
    residual_mlp({ size }, x) {
      @hk.module
      class Block extends hk.Module {
        call(x: Any): Any {
          const d = x.shape.at(-1);
          let h = new hk.LayerNorm(-1, true, true)(x);
          h = nn.gelu(new hk.Linear(size)(h));
          return x.add(new hk.Linear(d, { wInit: new hk.initializers.RandomNormal({ stddev: 0.1 }) })(h));
        }
      }
      for (let i = 0; i < 3; i++) x = (new Block() as Any)(x);
      return x;
    },
    spectral_linear({ size }, x) {
      const w = hk.getParameter('w', [x.shape.at(-1), size], { init: new hk.initializers.RandomNormal() });
      return x.matmul(new hk.SpectralNorm({ nSteps: 2 })(w));
    },
    tied_autoencoder({ size }, x) {
      @hk.module
      class Tied extends hk.Module {
        call(x: Any): Any {
          const d = x.shape.at(-1);
          const w = hk.getParameter('w', [d, size], { init: new hk.initializers.VarianceScaling() });
          const h = jnp.tanh(x.matmul(w));
          return h.matmul(w.transpose()).add(hk.getParameter('b', [d], { init: jnp.zeros }));
        }
      }
      return (new Tied() as Any)(x);
    },
    vae({ size }, x) {
      const encoder = new hk.Linear(size);
      const h = nn.relu(encoder(new hk.Flatten()(x)));
      const mean = new hk.Linear(3, { name: 'mean' })(h);
      const logStd = new hk.Linear(3, { name: 'log_std' })(h);
      const std = jnp.exp(logStd);
      const z = mean.add(std.mul(random.normal(hk.nextRngKey(), mean.shape)));
      const decoder = new hk.Linear(x.shape.slice(1).reduce((a: number, b: number) => a * b, 1), { name: 'decoder' });
      const logits = decoder(nn.relu(new hk.Linear(size)(z)));
      const terms = logStd.mul(-2).sub(1).add(jnp.square(std)).add(jnp.square(mean));
      return { logits: jnp.reshape(logits, x.shape), kl: jnp.sum(terms, { axis: -1 }).mul(0.5) };
    },
    custom_module({ size }, x) {
      @hk.module
      class MyLinear extends hk.Module {
        outputSize: number;
        constructor(outputSize: number, name?: string) {
          super(name);
          this.outputSize = outputSize;
        }
        call(x: Any): Any {
          const j = x.shape.at(-1);
          const w = hk.getParameter('w', [j, this.outputSize], { dtype: x.dtype, init: new hk.initializers.TruncatedNormal({ stddev: 1 / Math.sqrt(j) }) });
          const b = hk.getParameter('b', [this.outputSize], { dtype: x.dtype, init: jnp.ones });
          return jnp.dot(x, w).add(b);
        }
      }
      return (new MyLinear(size) as Any)(x);
    },
  };
};

const structures = ({ hk, jax }: Api): Table => {
  const { numpy: jnp, nn, random } = jax;
  return {
    counter_and_noise({ size }, x) {
      const n = hk.getState('n', [], { dtype: 'int32', init: jnp.zeros });
      hk.setState('n', n.add(1));
      const w = hk.getParameter('w', [x.shape.at(-1), size], { init: new hk.initializers.RandomNormal() });
      const noise = random.normal(hk.nextRngKey(), [size]);
      return x.matmul(w).add(noise.mul(0.1).mul(n.astype(x.dtype)));
    },
    deferred_module({ size }, x) {
      const m = new hk.Deferred(() => new hk.Linear(size, { name: 'late' }));
      const y = new hk.Linear(size)(x);
      return m(y);
    },
    keys_in_order({ size }) {
      const a = hk.nextRngKey();
      const [b, c] = rows(hk.nextRngKeys(2), 2);
      hk.reserveRngKeys(3);
      const d = hk.nextRngKey();
      const e = hk.maybeNextRngKey();
      const [f, g] = hk.withRng(random.PRNGKey(size), () => [hk.nextRngKey(), hk.nextRngKey()]);
      return jnp.stack([a, b, c, d, e, f, g, hk.nextRngKey()]);
    },
    methods_and_submodules({ size }, x) {
      @hk.module
      class Net extends hk.Module {
        first: Any;
        constructor(name?: string) {
          super(name);
          this.first = new hk.Linear(size);
        }
        call(x: Any): Any { return this.head(nn.relu(this.first(x))); }
        head(x: Any): Any { return new hk.Linear(2)(x); }
        @hk.transparent
        hidden(x: Any): Any { return new hk.Linear(size)(x); }
      }
      const net = new Net() as Any;
      return net(x).add(net.head(net.hidden(x)));
    },
    name_scopes({ size }, x) {
      const [a, b] = hk.nameScope('outer', () => {
        const outer = new hk.Linear(size)(x);
        return [outer, hk.nameScope('inner', () => new hk.Linear(size)(x))];
      });
      const c = hk.nameScope('outer', () => new hk.Linear(size)(x));
      return a.add(b.mul(2)).add(c.mul(3));
    },
    nested_dicts({ size }, inputs) {
      const a = new hk.Linear(size, { name: 'a' })(inputs.left);
      const b = new hk.Linear(size, { name: 'b' })(inputs.right);
      return { sum: a.add(b), parts: [a, [b, a.mul(b)]] };
    },
    scan_with_state({ size }, x) {
      const ema = new hk.ExponentialMovingAverage(0.9);
      const m = new hk.Linear(x.shape.at(-1));
      if (hk.runningInit()) {
        ema(jnp.zeros([]));
        m(x.index(0));
      }
      const body = (carry: Any, xt: Any): Any => {
        const y = jnp.tanh(m(carry).add(xt)).mul(size);
        return [y, ema(jnp.mean(y))];
      };
      return hk.scan(body, jnp.zerosLike(x.index(0)), x);
    },
    shared_weights({ size }, x) {
      const enc = new hk.Linear(size, { name: 'enc' });
      const a = enc(jnp.sin(x));
      const b = enc(jnp.cos(x));
      const c = new hk.Linear(size, { name: 'enc' })(x);
      return a.mul(b).add(c);
    },
    to_module_bias({ size }, x) {
      const biasFn = function bias_fn(x: Any): Any {
        const b = hk.getParameter('b', [], { init: new hk.initializers.RandomNormal() });
        return x.add(b.mul(size));
      };
      const Bias = hk.toModule(biasFn);
      const b = new Bias({ name: 'my_bias' });
      return b(x).mul(b(x)).add(new Bias()(x));
    },
    vmap_split_rng_params({ size }, x) {
      const m = new hk.Linear(size);
      const f = (row: Any): Any => m(row).add(random.normal(hk.nextRngKey(), [size]));
      return hk.runningInit() ? f(x.index(0)) : hk.vmap(f, { splitRng: true })(x);
    },
    while_loop_forward({ size }, x) {
      const m = new hk.Linear(x.shape.at(-1), { wInit: new hk.initializers.Identity({ gain: 1.5 }) });
      if (hk.runningInit()) return m(x);
      return hk.whileLoop((h: Any) => jnp.sum(jnp.abs(h)).lt(10 * size), m, x);
    },
  };
};

/** The rows of an array, or of a list as it is. */
const rows = (keys: Any, n: number): Any[] => (Array.isArray(keys) ? keys : Array.from({ length: n }, (_, i) => keys.index(i)));

/** The functions of `multi_transform` goldens: size → the function to transform. */
export function multiTransforms(source: string, { hk, jax: { numpy: jnp } }: Api): (size: number) => () => Any {
  const table: Record<string, (size: number) => () => Any> = {
    multi_encode_decode: (size) => () => {
      const enc = new hk.Linear(size, { name: 'encoder' });
      const dec = new hk.Linear(4, { name: 'decoder' });
      const encode = (x: Any): Any => jnp.tanh(enc(x));
      return [(x: Any): Any => dec(jnp.tanh(enc(x))), [encode, dec]];
    },
    multi_dict_with_state: (size) => () => {
      const net = new hk.Linear(size);
      const norm = new hk.BatchNorm(true, true, 0.9);
      const init = (x: Any): Any => norm(net(x), true);
      return [init, { train: init, eval: (x: Any): Any => norm(net(x), false) }];
    },
  };
  const name = definedName(source);
  if (!Object.hasOwn(table, name)) throw new MissingName(`a translation of ${name}`);
  return table[name];
}
