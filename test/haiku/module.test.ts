import { expect } from 'chai';
import * as hk from '../../lib/index.js';
import { numpy as jnp, type Array } from '../../lib/jax/index.js';
import { Calls, Probe, inInit, parameter, paths, refused } from './helpers.js';

describe('hk.module', () => {
  it('is a decorator, a function, and takes a name', () => {
    const Plain = hk.module(class Plain extends hk.Module { override call() { return parameter(); } });
    const Named = hk.module('my_net', class extends hk.Module { override call() { return parameter(); } });
    @hk.module('other_net')
    class Decorated extends hk.Module { override call() { return parameter(); } }
    expect(paths(() => { new Plain()(); new Named()(); new Decorated()(); new Named({ name: 'given' })(); })).to.deep.equal(['plain/p', 'my_net/p', 'other_net/p', 'given/p']);
  });

  it('makes callable instances of the class', () => inInit(() => {
    const probe = new Probe();
    expect(probe).to.be.a('function').and.instanceOf(Probe).and.instanceOf(hk.Module);
    expect(probe.constructor).to.equal(Probe);
    expect(Object.keys(probe)).to.deep.equal(['name', 'moduleName']);
    expect(String(probe)).to.equal('Probe()');
  }));

  it('refuses a subclass without the decorator, and says what to write', () => {
    class Bare extends hk.Module {}
    class BareChild extends Probe {}
    inInit(() => {
      refused(() => new Bare(), 'TypeError', /Bare extends hk\.Module.*write @hk\.module before the class/);
      refused(() => new BareChild(), 'TypeError', /BareChild .*@hk\.module/);
    });
  });

  it('refuses what is no module class, a second decoration, bad names and async methods', () => {
    refused(() => hk.module(class {} as never), 'TypeError', /classes that extend hk\.Module/);
    refused(() => hk.module(Probe), 'TypeError', /Probe is decorated .* already/);
    refused(() => hk.module('not-a-name', class extends hk.Module {}), 'ValueError', /not a valid module name/);
    refused(() => hk.module(class Late extends hk.Module { override async call() {} }), 'TypeError', /Late\.call is async/);
  });

  it('refuses a class without a name, unless the instance has one', () => {
    const Anonymous = hk.module((() => class extends hk.Module {})());
    inInit(() => {
      refused(() => new Anonymous(), 'ValueError', /class has no name.*hk\.module\('my_name'/);
      expect(new Anonymous('named').moduleName).to.equal('named');
    });
  });

  it('refuses names that are no strings and unknown options', () => inInit(() => {
    refused(() => new Probe(3 as never), 'TypeError', /name of a module is a string/);
    refused(() => new Probe({ nam: 'x' } as never), 'TypeError', /unknown option 'nam'; did you mean 'name'\?/);
  }));

  it('works only inside a transform', () => {
    refused(() => new hk.Linear(2), 'ValueError', /must be initialized inside an `hk\.transform`/);
    const probe = inInit(() => new Probe());
    expect(probe.moduleName).to.equal('probe');
    refused(() => probe(), 'ValueError', /inside an `hk\.transform`/);
    refused(() => probe.paramsDict(), 'ValueError', /inside an `hk\.transform`/);
  });

  it('refuses parameters and submodules before super()', () => {
    const early = (before: () => void) => hk.module(class Early extends hk.Module {
      constructor() {
        before();
        super();
      }
    });
    inInit(() => {
      for (const before of [() => parameter(), () => new Probe(), () => hk.currentName()]) {
        refused(() => new (early(before))(), 'ValueError', /super constructor must be called before/);
      }
    });
  });

  it('refuses a constructor that returns something else', () => {
    const Odd = hk.module(class Odd extends hk.Module {
      constructor() {
        super();
        return {} as never;
      }
    });
    inInit(() => refused(() => new Odd(), 'ValueError', /without calling the super constructor/));
  });

  it('leaves the scope of a constructor that throws', () => {
    const Throws = hk.module(class Throws extends hk.Module {
      constructor() {
        super();
        throw new Error('no');
      }
    });
    inInit(() => {
      expect(() => new Throws()).to.throw('no');
      expect(hk.currentName()).to.equal('~');
      expect(new Probe().moduleName).to.equal('probe');
    });
  });

  it('runs subclasses in one constructor scope, and super.call in the parent method', () => {
    @hk.module
    class Parent extends hk.Module<(x: number) => string[]> {
      readonly made: Probe;
      constructor(options?: hk.ModuleOptions) {
        super(options);
        this.made = new Probe();
      }
      override call(_x: number): string[] { return [new Probe().moduleName]; }
    }
    @hk.module
    class Child extends Parent {
      readonly also = new Probe();
      override call(x: number): string[] { return [new Probe().moduleName, ...super.call(x)]; }
    }
    inInit(() => {
      const child = new Child();
      expect([child.made.moduleName, child.also.moduleName]).to.deep.equal(['child/~/probe', 'child/~/probe_1']);
      // The parent's method counts afresh, so both are the same path, as in Haiku.
      expect(child(1)).to.deep.equal(['child/probe', 'child/probe']);
      expect(child).to.be.instanceOf(Parent);
    });
  });

  it('lists parameters and state of itself, of what is below, and of what its methods called', () => {
    inInit(() => {
      const shared = new Probe('shared');
      const outer = new Calls(() => { shared(); new Probe()(); hk.setState('s', jnp.ones([])); });
      new Probe('other')();
      outer();
      expect(Object.keys(outer.paramsDict())).to.deep.equal(['shared/p', 'calls/probe/p']);
      expect(Object.keys(outer.stateDict())).to.deep.equal(['calls/s']);
      expect(Object.keys(shared.paramsDict())).to.deep.equal(['shared/p']);
      const mlp = new hk.nets.MLP([2, 1]);
      mlp(jnp.ones([1, 3]));
      expect(Object.keys(mlp.paramsDict()).sort()).to.deep.equal(['mlp/~/linear_0/b', 'mlp/~/linear_0/w', 'mlp/~/linear_1/b', 'mlp/~/linear_1/w']);
      expect(Object.keys(mlp.layers[0].paramsDict()).sort()).to.deep.equal(['mlp/~/linear_0/b', 'mlp/~/linear_0/w']);
    });
  });

  it('does not mistake a longer name for a path below', () => inInit(() => {
    const [a, ab] = [new Probe('a'), new Probe('ab')];
    a();
    ab();
    expect(Object.keys(a.paramsDict())).to.deep.equal(['a/p']);
  }));
});

describe('hk.interceptMethods', () => {
  it('runs around every method, first entered outermost', () => {
    const log: string[] = [];
    const noting = (tag: string): hk.Interceptor => (next, args, { module, methodName }) => {
      log.push(`${tag} ${module?.moduleName} ${methodName}`);
      return next(...args);
    };
    inInit(() => hk.interceptMethods(noting('1'), () => hk.interceptMethods(noting('2'), () => new Probe()())));
    expect(log).to.deep.equal(['1 undefined constructor', '2 undefined constructor', '1 probe call', '2 probe call']);
  });

  it('may change arguments and result, and skip the others or the method', () => {
    @hk.module
    class Double extends hk.Module<(x: number) => number> { override call(x: number) { return 2 * x; } }
    const onCall = (f: hk.Interceptor): hk.Interceptor => (next, args, context) => (context.methodName === 'call' ? f(next, args, context) : next(...args));
    inInit(() => {
      const double = new Double();
      expect(hk.interceptMethods(onCall((next, [x]) => next(x + 1) + 0.5), () => double(3))).to.equal(8.5);
      expect(hk.interceptMethods(onCall(() => 'skipped'), () => double(3))).to.equal('skipped');
      expect(hk.interceptMethods(onCall((_next, args, { origMethod }) => origMethod(...args)), () => hk.interceptMethods(onCall(() => -1), () => double(3)))).to.equal(6);
      expect(double(3)).to.equal(6);
    });
  });

  it('sees properties, the real name under nameLike, and the defining class in super calls', () => {
    const log: unknown[] = [];
    @hk.module
    class Parent extends hk.Module {
      get size() { return 1; }
      @hk.nameLike('call') alias() {}
      override call() {}
    }
    @hk.module
    class Child extends Parent { override call() { super.call(); } }
    hk.interceptMethods((next, args, { methodName, origClass }) => { log.push([methodName, origClass]); return next(...args); }, () => inInit(() => {
      const child = new Child();
      void child.size;
      child.alias();
      child();
    }));
    expect(log).to.deep.equal([['constructor', Child], ['size', Parent], ['alias', Parent], ['call', Child], ['call', Parent]]);
  });

  it('refuses an interceptor that skips a constructor', () => inInit(() =>
    refused(() => hk.interceptMethods(() => undefined, () => new Probe()), 'ValueError', /without calling the super constructor/)));
});

describe('hk.toModule', () => {
  const addBias = (x: Array) => x.add(hk.getParameter('b', [], { init: jnp.ones }));
  it('makes a class that is named as the function', () => {
    const Bias = hk.toModule(addBias);
    expect(paths(() => { const bias = new Bias({ name: 'my_bias' }); bias(bias(jnp.zeros([]))); new Bias()(jnp.zeros([])); new Bias()(jnp.zeros([])); }))
      .to.deep.equal(['my_bias/b', 'add_bias/b', 'add_bias_1/b']);
  });
  it('refuses names that are no strings, options that are none, and what is no function', () => inInit(() => {
    const Bias = hk.toModule(addBias);
    refused(() => new Bias(jnp.zeros([]) as never), 'TypeError', /Expected a string name.*returns a class/);
    refused(() => new Bias({ name: 3 } as never), 'TypeError', /Expected a string name/);
    refused(() => new Bias({ nmae: 'x' } as never), 'TypeError', /did you mean 'name'/);
    refused(() => hk.toModule(3 as never), 'TypeError', /needs a function/);
  }));
});
