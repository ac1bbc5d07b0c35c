/** The helper modules of the naming goldens. */
import type { Any, Api } from '../api.js';

export function namingClasses({ hk, jax: { numpy: jnp } }: Api): Record<string, Any> {
  const p = (): Any => hk.getParameter('p', [], { init: jnp.zeros });

  /** Has one parameter, called p. */
  @hk.module
  class Probe extends hk.Module {
    call(): Any { return p(); }
  }
  const probe = (): Any => (new Probe() as Any)();

  /** Makes its parameter in the constructor. */
  @hk.module
  class ProbeInCtor extends hk.Module {
    p: Any;
    constructor(name?: string) {
      super(name);
      this.p = p();
    }
    call(): Any { return this.p; }
  }

  /** Submodules in the constructor, in the call and in a method. */
  @hk.module
  class Outer extends hk.Module {
    inCtor: Any;
    constructor(name?: string) {
      super(name);
      this.inCtor = new Probe();
    }
    call(): Any {
      this.inCtor();
      probe();
      return this.inMethod();
    }
    inMethod(): Any { return probe(); }
  }

  @hk.module
  class Calls extends hk.Module {
    f: () => Any;
    constructor(f: () => Any, name?: string) {
      super(name);
      this.f = f;
    }
    call(): Any { return this.f(); }
  }

  @hk.module
  class Methods extends hk.Module {
    call(): Any { return probe(); }
    encode(): Any { return probe(); }
    decode(): Any { return this.encode(); }
    @hk.transparent
    clear(): Any { return probe(); }
    @hk.nameLike('encode')
    likeEncode(): Any { return probe(); }
    @hk.nameLike('call')
    likeCall(): Any { return probe(); }
    get prop(): Any { return probe(); }
  }

  /** As deep as it is told. */
  @hk.module
  class Nested extends hk.Module {
    depth: number;
    constructor(depth: number, name?: string) {
      super(name);
      this.depth = depth;
    }
    call(): Any { return this.depth ? (new Nested(this.depth - 1) as Any)() : probe(); }
  }

  /** Its call leaves no trace. */
  @hk.module
  class Transparent extends hk.Module {
    @hk.transparent
    call(): Any { return probe(); }
  }

  /** Its class name tells how CamelCase becomes snake_case. */
  @hk.module
  class HTTPServer2Module extends hk.Module {
    call(): Any { return p(); }
  }

  @hk.module
  class ResNet18Like extends hk.Module {
    call(): Any { return p(); }
  }

  return { Probe, ProbeInCtor, Outer, Calls, Methods, Nested, Transparent, HTTPServer2Module, ResNet18Like };
}
