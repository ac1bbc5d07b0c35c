/** The naming goldens' functions, found by the name of the function that the source defines. */
import { MissingName, type Any, type Api } from '../api.js';
import { namingClasses } from './naming-classes.js';
import { definedName } from './programs.js';

/** The translation of a naming golden. @throws MissingName where there is none yet. */
export function naming(source: string, _classes: Record<string, string>, api: Api): () => unknown {
  const name = definedName(source);
  const table = { ...paths(api), ...builtIns(api) };
  if (!Object.hasOwn(table, name)) throw new MissingName(`a translation of ${name}`);
  return table[name];
}

type Table = Record<string, () => unknown>;

const paths = (api: Api): Table => {
  const { hk, jax: { numpy: jnp } } = api;
  const { Probe, ProbeInCtor, Outer, Calls, Methods, Nested, Transparent } = namingClasses(api);
  const probe = (name?: string): Any => new Probe(name)();
  return {
    bad_name_dash() { probe('a-b'); },
    bad_name_digit() { probe('1a'); },
    bad_name_slash() { probe('a/b'); },
    constructed_but_not_called() {
      new Probe();
      probe();
    },
    ctor_parameter() {
      new ProbeInCtor()();
      new ProbeInCtor('q');
    },
    ctor_submodule() { new Outer()(); },
    current_name() {
      const out = [hk.currentName()];
      @hk.module
      class M extends hk.Module {
        constructor(name?: string) {
          super(name);
          out.push(hk.currentName());
        }
        call(): void {
          out.push(hk.currentName());
          hk.nameScope('s', () => { out.push(hk.currentName()); });
        }
        other(): void { out.push(hk.currentName()); }
      }
      const m = new M() as Any;
      m();
      m.other();
      (new M() as Any)();
      return out;
    },
    force_name() {
      probe('foo');
      probe(hk.forceName('foo'));
      probe('foo');
    },
    force_name_nested() {
      new Calls(() => {
        probe(hk.forceName('top/level'));
        probe();
      })();
    },
    given_names() {
      probe('foo');
      probe('foo');
      probe('bar');
      probe();
    },
    lift_names() {
      const inner = hk.transform(() => probe());
      hk.lift(inner.init)(null);
      hk.lift(inner.init, { name: 'again' })(null);
      hk.transparentLift(inner.init)(null);
    },
    methods() {
      const m = new Methods();
      m();
      m.encode();
      m.decode();
      m.clear();
    },
    methods_again() {
      const m = new Methods();
      m.encode();
      m.encode();
      m.decode();
    },
    module_name_attributes() {
      const [a, b] = [new Probe(), new Outer('x')];
      const c = new hk.Linear(1);
      const d = new hk.Linear(1);
      return [a, b, c, d, b.inCtor].map((m: Any) => [m.name, m.moduleName]);
    },
    module_passed_in() {
      const shared = new Probe('shared');
      new Calls(() => shared())();
      new Calls(() => shared())();
    },
    modules_in_a_function() {
      const f = (): Any => new hk.Linear(1)(jnp.ones([1, 1]));
      f();
      f();
      new Calls(f)();
    },
    name_ending_in_number() { for (const name of ['layer_3', 'layer_3', 'layer', 'layer_5', 'layer']) probe(name); },
    name_ending_in_number_unique() { for (const name of ['layer_3', 'layer', 'layer_5', 'layer', 'layer']) probe(name); },
    name_like() {
      const m = new Methods();
      m.likeEncode();
      m.encode();
      m.likeCall();
      m();
    },
    name_scope() {
      hk.nameScope('a', () => {
        probe();
        hk.nameScope('b', () => {
          probe();
          hk.getParameter('w', [], { init: jnp.zeros });
        });
      });
      probe();
    },
    name_scope_again() { for (const name of ['a', 'a', 'a_1']) hk.nameScope(name, () => probe()); },
    name_scope_entered_again() {
      hk.nameScope('a', () => probe());
      hk.nameScope('a', () => {
        probe();
        hk.getParameter('w', [], { init: jnp.zeros });
      });
      probe('a');
    },
    name_scope_inside_module() {
      const f = (): void => {
        hk.nameScope('inner', () => probe());
        probe();
      };
      new Calls(f)();
      new Calls(f, 'other')();
    },
    nested_depth() { new Nested(3)(); },
    no_init_given() { hk.getState('s'); },
    numbered_name_given_first() {
      probe('probe_1');
      probe();
      probe();
      probe();
    },
    numbered_name_in_the_middle() {
      probe();
      probe('probe_1');
      probe();
    },
    one_module() { probe(); },
    outer_called_twice() {
      const m = new Outer();
      m();
      m();
    },
    property_scope() {
      const m = new Methods();
      void m.prop;
      m.clear();
    },
    same_class_twice() {
      probe();
      probe();
      probe();
    },
    same_object_twice() {
      const m = new Probe();
      m();
      m();
    },
    shape_mismatch_on_reuse() {
      hk.getParameter('w', [2], { init: jnp.zeros });
      hk.getParameter('w', [3], { init: jnp.zeros });
    },
    slash_in_parameter_name() { hk.getParameter('a/b', [], { init: jnp.zeros }); },
    top_level_parameter() { hk.getParameter('w', [2], { init: jnp.zeros }); },
    transparent_call() {
      new Transparent()();
      new Transparent('t')();
    },
    two_outers() {
      new Outer()();
      new Outer()();
    },
  };
};

const builtIns = (api: Api): Table => {
  const { hk, jax: { numpy: jnp, nn } } = api;
  const ones = (...shape: number[]): Any => jnp.ones(shape);
  return {
    attention() { new hk.MultiHeadAttention(2, 1, { wInit: jnp.zeros })(ones(2, 2), ones(2, 2), ones(2, 2)); },
    camel_case() {
      const { HTTPServer2Module, ResNet18Like } = namingClasses(api);
      new HTTPServer2Module()();
      new ResNet18Like()();
      new hk.nets.MLP([1])(ones(1, 1));
      new hk.Conv2DTranspose(1, 1)(ones(1, 1, 1, 1));
      new hk.LayerNorm(-1, true, true)(ones(1, 2));
      new hk.GRU(1)(ones(1), ones(1));
      new hk.VanillaRNN(1)(ones(1), ones(1));
      new hk.LSTM(1)(ones(1), lstmState(hk, ones(1), ones(1)));
      new hk.DepthwiseConv1D(1, 1)(ones(1, 1, 1));
      new hk.SeparableDepthwiseConv2D(1, 1)(ones(1, 1, 1, 1));
      new hk.nets.VectorQuantizer(2, 2, 0.1)(ones(1, 2), true);
      new hk.RMSNorm(-1)(ones(1, 2));
      new hk.MultiHeadAttention(1, 1, { wInitScale: 1 })(ones(1, 1), ones(1, 1), ones(1, 1));
    },
    conv_lstm() {
      const core = new hk.Conv2DLSTM([1, 1], 1, 1);
      core(ones(1, 1, 1, 1), core.initialState(1));
    },
    layer_stack_names() {
      const f = (h: Any): Any => new hk.Linear(1)(new hk.nets.MLP([1])(h));
      hk.layerStack(2)(f)(ones(1, 1));
      hk.layerStack(3)(f)(ones(1, 1));
      hk.layerStack(2, { name: 'stack' })(f)(ones(1, 1));
      hk.layerStack(2, { withPerLayerInputs: true })((h: Any, y: Any) => [f(h).add(y), null])(ones(1, 1), ones(2, 1, 1));
    },
    mlp() {
      new hk.nets.MLP([3, 2, 1])(ones(1, 4));
      new hk.nets.MLP([2], { name: 'head' })(ones(1, 4));
      new hk.nets.MLP([2])(ones(1, 4));
    },
    mlp_in_module() {
      const { Calls } = namingClasses(api);
      new Calls(() => new hk.nets.MLP([3, 2])(ones(1, 4)), 'net')();
    },
    mlp_reverse() {
      const m = new hk.nets.MLP([3, 2]);
      m(ones(1, 4));
      m.reverse()(ones(1, 2));
    },
    mobilenet_names() { new hk.nets.MobileNetV1({ strides: [1, 1], channels: [2, 2], numClasses: 2 })(ones(1, 5, 5, 1), true); },
    params_dict() {
      const m = new hk.nets.MLP([2, 1]);
      m(ones(1, 3));
      return [m.paramsDict(), m.layers[0].paramsDict(), m.stateDict()].map((d) => Object.keys(d).sort());
    },
    recurrent() {
      let core = new hk.DeepRNN([new hk.LSTM(1), new hk.GRU(1), new hk.VanillaRNN(1)]);
      hk.dynamicUnroll(core, ones(2, 1, 1), core.initialState(1));
      core = hk.deepRnnWithSkipConnections([new hk.LSTM(1), new hk.LSTM(1)]);
      hk.staticUnroll(core, ones(2, 1, 1), core.initialState(1));
    },
    resnet_names() { new hk.nets.ResNet([1, 1, 1, 1], 2, { channelsPerGroup: [4, 4, 4, 4] })(ones(1, 8, 8, 1), true); },
    resnet_v2_names() {
      new hk.nets.ResNet([1, 2, 1, 1], 2, {
        resnetV2: true, bottleneck: false, channelsPerGroup: [2, 2, 2, 2], useProjection: [true, false, true, false], strides: [1, 1, 1, 1],
      })(ones(1, 8, 8, 1), true);
    },
    sequential() { new hk.Sequential([new hk.Linear(1), nn.relu, new hk.Linear(2), new hk.Sequential([new hk.Linear(3)])])(ones(1, 1)); },
    state_names() {
      new hk.BatchNorm(true, true, 0.9)(ones(2, 1), true);
      new hk.ExponentialMovingAverage(0.9)(ones());
      new hk.SpectralNorm()(ones(2, 2));
      hk.getState('top', [], { init: jnp.zeros });
      new hk.EMAParamsTree(0.9)({ 'mlp/~/linear_0': { w: ones(), b: ones() } });
      new hk.SNParamsTree({ ignoreRegex: '.*b' })({ 'mlp/~/linear_0': { w: ones(2, 2), b: ones() } });
    },
  };
};

/** An LSTM's state, whether the library makes it with a class or a function. */
const lstmState = (hk: Any, hidden: Any, cell: Any): Any =>
  (hk.LSTMState.prototype === undefined ? hk.LSTMState(hidden, cell) : new hk.LSTMState(hidden, cell));
