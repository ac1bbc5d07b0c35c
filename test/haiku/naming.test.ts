import { expect } from 'chai';
import * as hk from '../../lib/index.js';
import { numpy as jnp } from '../../lib/jax/index.js';
import { camelToSnake } from '../../lib/haiku/naming.js';
import { Calls, Probe, inInit, parameter, paths, refused } from './helpers.js';

@hk.module
class Methods extends hk.Module {
  override call() { return new Probe()(); }
  encode() { return new Probe()(); }
  decode() { return this.encode(); }
  @hk.transparent clear() { return new Probe()(); }
  @hk.nameLike('encode') likeEncode() { return new Probe()(); }
  @hk.nameLike('call') likeCall() { return new Probe()(); }
  get prop() { return new Probe()(); }
  set prop(_value: unknown) { new Probe()(); }
  initialState() { return new Probe()(); }
  static make() { return new Probe()(); }
}

@hk.module
class Outer extends hk.Module {
  readonly inCtor: Probe;
  constructor(options?: hk.ModuleOptions) {
    super(options);
    this.inCtor = new Probe();
  }
  override call() {
    this.inCtor();
    new Probe()();
    return this.inMethod();
  }
  inMethod() { return new Probe()(); }
}

@hk.module
class Nested extends hk.Module {
  #depth: number;
  constructor(depth: number) {
    super();
    this.#depth = depth;
  }
  override call(): unknown { return this.#depth ? new Nested(this.#depth - 1)() : new Probe()(); }
}

@hk.module
class Transparent extends hk.Module {
  @hk.transparent override call() { return new Probe()(); }
}

/** The names that modules of these given names get (null: not given). */
const named = (...given: (string | null)[]): string[] => inInit(() => given.map((name) => new Calls(() => {}, name === null ? { name: 'module' } : { name }).moduleName));

describe('naming', () => {
  it('turns camel case into snake case as Haiku does', () => {
    const table = {
      MLP: 'mlp', Conv2D: 'conv2_d', Conv1DTranspose: 'conv1_d_transpose', Conv2DLSTM: 'conv2_dlstm', ResNet50: 'res_net50', MobileNetV1: 'mobile_net_v1',
      RMSNorm: 'rms_norm', VectorQuantizerEMA: 'vector_quantizer_ema', HTTPServer2Module: 'http_server2_module', initialState: 'initial_state', _DeepRNN: '__deep_rnn',
    };
    for (const [camel, snake] of Object.entries(table)) expect(camelToSnake(camel)).to.equal(snake);
  });

  it('numbers repeated names from the highest used', () => {
    expect(named(null, null, 'a', 'a', 'a_5', 'a', 'b_0', 'b')).to.deep.equal(['module', 'module_1', 'a', 'a_1', 'a_5', 'a_6', 'b_0', 'b_1']);
    expect(named('a_01', 'a_01')).to.deep.equal(['a_01', 'a_01_1']);
    expect(named('layer_3', 'layer', 'layer_5', 'layer', 'layer')).to.deep.equal(['layer_3', 'layer_4', 'layer_5', 'layer_6', 'layer_7']);
    refused(() => named('a', 'a', 'a_1'), 'ValueError', /Module name 'a_1' is not unique/);
    refused(() => named('layer_3', 'layer_3'), 'ValueError', /'layer_3' is not unique/);
  });

  for (const bad of ['a-b', '1a', 'a/b', '', 'ä', 'a b']) {
    it(`refuses the name '${bad}'`, () => refused(() => named(bad), 'ValueError', /is not a valid module name/));
  }

  it('puts what a method makes below the module and the method', () => {
    expect(paths(() => { const m = new Methods(); m(); m.encode(); m.decode(); m.clear(); })).to.deep.equal(['methods/probe/p', 'methods/~encode/probe/p', 'probe/p']);
    expect(paths(() => new Methods().initialState())).to.deep.equal(['methods/~initial_state/probe/p']);
    expect(paths(() => { const m = new Methods(); void m.prop; m.prop = 1; m.clear(); })).to.deep.equal(['methods/~prop/probe/p', 'probe/p']);
    expect(paths(() => { const m = new Methods(); m.likeEncode(); m.encode(); m.likeCall(); m(); })).to.deep.equal(['methods/~encode/probe/p', 'methods/probe/p']);
    expect(paths(() => Methods.make())).to.deep.equal(['probe/p']);
  });

  it('puts what a constructor makes below ~', () => {
    const one = ['outer/~/probe/p', 'outer/probe/p', 'outer/~in_method/probe/p'];
    expect(paths(() => new Outer()())).to.deep.equal(one);
    expect(paths(() => { const m = new Outer(); m(); m(); })).to.deep.equal(one);
    expect(paths(() => { new Outer()(); new Outer()(); })).to.deep.equal([...one, ...one.map((path) => path.replace('outer', 'outer_1'))]);
    expect(inInit(() => { const m = new Outer({ name: 'x' }); return [m.name, m.moduleName, m.inCtor.name, m.inCtor.moduleName]; })).to.deep.equal(['x', 'x', 'probe', 'x/~/probe']);
  });

  it('nests, and leaves no trace of transparent methods', () => {
    expect(paths(() => new Nested(3)())).to.deep.equal(['nested/nested/nested/nested/probe/p']);
    expect(paths(() => { new Transparent()(); new Transparent({ name: 't' })(); })).to.deep.equal(['probe/p', 'probe_1/p']);
  });

  it('shares parameters of one instance, and separates instances', () => {
    expect(paths(() => { const m = new Probe(); m(); m(); })).to.deep.equal(['probe/p']);
    expect(paths(() => { new Probe()(); new Probe()(); })).to.deep.equal(['probe/p', 'probe_1/p']);
    expect(paths(() => { new Probe(); new Probe()(); })).to.deep.equal(['probe_1/p']);
    expect(paths(() => { const shared = new Probe('shared'); new Calls(() => shared())(); new Calls(() => shared())(); })).to.deep.equal(['shared/p']);
  });

  it('counts afresh in every init and apply', () => {
    const f = hk.transform(() => [new Probe().moduleName, new Probe().moduleName]);
    f.init(0);
    expect(f.apply({}, null)).to.deep.equal(['probe', 'probe_1']);
    expect(f.apply({}, null)).to.deep.equal(['probe', 'probe_1']);
  });

  it('names the built-in modules', () => {
    const x = jnp.ones([1, 4]);
    expect(paths(() => { new hk.nets.MLP([3, 2, 1])(x); new hk.nets.MLP([2], { name: 'head' })(x); new hk.nets.MLP([2])(x); })).to.deep.equal([
      'mlp/~/linear_0/w', 'mlp/~/linear_0/b', 'mlp/~/linear_1/w', 'mlp/~/linear_1/b', 'mlp/~/linear_2/w', 'mlp/~/linear_2/b',
      'head/~/linear_0/w', 'head/~/linear_0/b', 'mlp_1/~/linear_0/w', 'mlp_1/~/linear_0/b']);
    expect(paths(() => new Calls(() => new hk.nets.MLP([3])(x), { name: 'net' })())).to.deep.equal(['net/mlp/~/linear_0/w', 'net/mlp/~/linear_0/b']);
    expect(paths(() => new hk.Sequential([new hk.Linear(1), (y: unknown) => y, new hk.Linear(2), new hk.Sequential([new hk.Linear(3)])])(x)))
      .to.deep.equal(['linear/w', 'linear/b', 'linear_1/w', 'linear_1/b', 'linear_2/w', 'linear_2/b']);
  });

  describe('forceName', () => {
    it('ignores the context and may repeat', () => {
      expect(paths(() => { new Probe('foo')(); new Probe(hk.forceName('foo'))(); new Probe('foo')(); })).to.deep.equal(['foo/p', 'foo_1/p']);
      expect(paths(() => new Calls(() => { new Probe(hk.forceName('top/level'))(); new Probe()(); })())).to.deep.equal(['top/level/p', 'calls/probe/p']);
      expect(paths(() => new Probe(hk.forceName('mlp/~/linear_0'))())).to.deep.equal(['mlp/~/linear_0/p']);
      expect(paths(() => new Probe(hk.forceName('a/~init/b'))())).to.deep.equal(['a/~init/b/p']);
    });
    it('still checks each part', () => refused(() => paths(() => new Probe(hk.forceName('a//b'))), 'ValueError', /not a valid module name/));
  });

  describe('nameScope', () => {
    it('prefixes modules and parameters, and numbers repeated names', () => {
      expect(paths(() => {
        hk.nameScope('a', () => { new Probe()(); hk.nameScope('b', () => { new Probe()(); parameter('w'); }); });
        new Probe()();
      })).to.deep.equal(['a/probe/p', 'a/b/probe/p', 'a/b/w', 'probe/p']);
      expect(paths(() => {
        hk.nameScope('a', () => new Probe()());
        hk.nameScope('a', () => { new Probe()(); parameter('w'); });
        new Probe('a')();
      })).to.deep.equal(['a/probe/p', 'a_1/probe/p', 'a_1/w', 'a_2/p']);
      refused(() => paths(() => { for (const name of ['a', 'a', 'a_1']) hk.nameScope(name, () => {}); }), 'ValueError', /'a_1' is not unique/);
    });
    it('nests at slashes, stands for a method, and returns the result', () => {
      expect(paths(() => hk.nameScope('a/b', () => new Probe()()))).to.deep.equal(['a/b/probe/p']);
      expect(paths(() => hk.nameScope('a', () => new Probe()(), { methodName: 'someMethod' }))).to.deep.equal(['a/~some_method/probe/p']);
      expect(paths(() => hk.nameScope(hk.forceName('x/~/y'), () => new Probe()()))).to.deep.equal(['x/~/y/probe/p']);
      expect(inInit(() => hk.nameScope('a', () => hk.currentName()))).to.equal('a');
    });
    it('is left when the function throws', () => {
      expect(inInit(() => {
        expect(() => hk.nameScope('a', () => { throw new Error('no'); })).to.throw('no');
        return hk.currentName();
      })).to.equal('~');
    });
    it('as an object is named at once and entered once', () => inInit(() => {
      const scope = hk.nameScope('late');
      expect(scope.moduleName).to.equal('late');
      expect(new Probe('late').moduleName).to.equal('late_1');
      scope.run(() => {
        expect(new Probe().moduleName).to.equal('late/probe');
        refused(() => scope.run(() => {}), 'ValueError', /not reentrant/);
      });
      refused(() => scope.run(() => {}), 'ValueError', /not reusable/);
    }));
    it('refuses empty names and leading slashes', () => inInit(() => {
      for (const name of ['', '/a']) refused(() => hk.nameScope(name, () => {}), 'ValueError', /must not start with \//);
    }));
  });

  it('currentName is the path of the module, ~ outside', () => {
    const seen: string[] = [];
    const note = () => seen.push(hk.currentName());
    @hk.module
    class M extends hk.Module {
      constructor() {
        super();
        note();
      }
      override call() {
        note();
        hk.nameScope('s', note);
      }
      other() { note(); }
    }
    hk.transform(() => {
      note();
      const m = new M();
      m();
      m.other();
      new M()();
    }).init(0);
    expect(seen).to.deep.equal(['~', 'm', 'm', 'm/s', 'm', 'm_1', 'm_1', 'm_1/s']);
  });
});
