/** Programs with creators, getters, setters, interceptors, lifts, layer stacks and policies. */
import type { Any, Api } from '../api.js';
import type { Program } from './programs.js';

export const hooked = ({ hk, jax }: Api): Record<string, Program> => {
  const { numpy: jnp, random } = jax;
  /** A key at init, none at apply: what lifted inits get. */
  const initKey = (): Any => (hk.runningInit() ? hk.nextRngKey() : null);
  return {
    custom_creator_zeros({ size }, x) {
      const creator = (next: Any, shape: Any, dtype: Any, _init: Any, context: Any): Any =>
        next(shape, dtype, context.name === 'w' ? new hk.initializers.Constant(0.5) : jnp.ones);
      return hk.customCreator(creator, () => new hk.Linear(size)(x));
    },
    custom_getter_scale({ size }, x) {
      const double = (next: Any, value: Any, context: Any): Any => (context.name === 'w' ? next(value).mul(2) : next(value));
      const y = hk.customGetter(double, () => new hk.Linear(size)(x));
      return y.add(new hk.Linear(size)(x));
    },
    custom_getter_weight_norm({ size }, x) {
      const normalised = (next: Any, value: Any, context: Any): Any => {
        value = next(value);
        if (context.name !== 'w') return value;
        return value.div(jnp.sqrt(jnp.sum(jnp.square(value), { axis: 0, keepdims: true })));
      };
      return hk.customGetter(normalised, () => new hk.nets.MLP([size, 3], { activation: jnp.tanh })(x));
    },
    custom_setter_double({ size }, x) {
      const double = (next: Any, value: Any): Any => next(value.mul(2));
      hk.customSetter(double, () => hk.setState('s', jnp.sum(x).mul(size)));
      return hk.getState('s').add(x);
    },
    stop_gradient_getter({ size }, x) {
      const freeze = (next: Any, value: Any, context: Any): Any => {
        value = next(value);
        return context.moduleName.endsWith('linear_0') ? jax.lax.stopGradient(value) : value;
      };
      return hk.customGetter(freeze, () => new hk.nets.MLP([size, size, 2])(x));
    },
    intercept_scale({ size }, x) {
      const interceptor = (next: Any, args: Any[], context: Any): Any => {
        const out = next(...args);
        return context.module instanceof hk.Linear && context.methodName === 'call' ? out.mul(0.5) : out;
      };
      return hk.interceptMethods(interceptor, () => new hk.nets.MLP([size, 3])(x));
    },
    ensemble({ size }, x) {
      const inner = hk.transform((x: Any) => new hk.nets.MLP([size, 2])(x));
      const init = (rng: Any, x: Any): Any => jax.vmap(inner.init, { inAxes: [0, null] })(rng, x);
      const rng = hk.runningInit() ? random.split(hk.nextRngKey(), 3) : null;
      const params = hk.lift(init, { name: 'members' })(rng, x);
      return jax.vmap(inner.apply, { inAxes: [0, null, null] })(params, null, x);
    },
    lifted({ size }, x) {
      const inner = hk.transform((x: Any) => new hk.nets.MLP([size, 3])(x));
      const params = hk.lift(inner.init, { name: 'lifted' })(initKey(), x);
      return inner.apply(params, null, x);
    },
    lifted_with_state({ size }, x) {
      const inner = hk.transformWithState((x: Any) => {
        const norm = new hk.BatchNorm(true, true, 0.9);
        return norm(new hk.Linear(size)(x), true);
      });
      const [init, updater] = hk.liftWithState(inner.init, { name: 'lifted' });
      const [params, state] = init(initKey(), x);
      const [out, newState] = inner.apply(params, state, null, x);
      updater.update(newState);
      return out;
    },
    transparently_lifted({ size }, x) {
      const inner = hk.transform((x: Any) => new hk.Linear(size, { name: 'inner' })(x));
      const params = hk.transparentLift(inner.init)(initKey(), x);
      return inner.apply(params, null, x).add(new hk.Linear(size)(x));
    },
    transparent_layer_stack(_env, x) {
      const transparencyMap = {
        stackedToFlat: (stacked: string, index: number) => stacked.replaceAll('0', String(index)),
        flatToStacked: (flat: string) => {
          const index = parseInt(flat.split('_')[1].split('/')[0], 10);
          return [flat.replaceAll(String(index), '0'), index];
        },
      };
      const layer = (h: Any): Any => hk.nameScope('layer_0', () => jnp.tanh(new hk.Linear(h.shape.at(-1), { name: 'proj' })(h)));
      return hk.layerStack(3, { transparent: true, transparencyMap })(layer)(x);
    },
    mixed_precision_linear({ size }, x) {
      @hk.module
      class Lin extends hk.Module {
        call(x: Any): Any {
          x = x.astype('bfloat16');
          const w = hk.getParameter('w', [x.shape.at(-1), size], { init: new hk.initializers.RandomNormal() });
          return x.matmul(w.astype('bfloat16')).astype('float32');
        }
      }
      return (new Lin() as Any)(x);
    },
    mixed_precision_policy({ size }, x) {
      @hk.module
      class Net extends hk.Module {
        call(x: Any): Any { return new hk.nets.MLP([size, 2])(x); }
      }
      return hk.mixedPrecision.pushPolicy(hk.Linear, 'params=float32,compute=bfloat16,output=float32', () => (new Net() as Any)(x));
    },
  };
};
