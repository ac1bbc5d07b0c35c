/**
 * hokku's public API, looked up by the names of its Python peers. The rooms are imported here and nowhere else in the
 * runner, by address, so that one that does not exist yet skips cases instead of breaking the build.
 */
import { camelCase } from './names.js';

/** A name of the peers that the public API does not have: the case that needs it is skipped. */
export class MissingName extends Error {
  constructor(readonly missing: string) {
    super(`The public API has no '${missing}' yet.`);
    this.name = 'MissingName';
  }
}

/** A namespace or value of the API. The runner works on names found in data, so nothing here can be typed more narrowly. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Any = any;

export interface Api {
  readonly hk: Any;
  readonly jax: Any;
  readonly optax: Any;
  /** Why a room could not be imported. */
  readonly troubles: string[];
}

async function room(path: string, troubles: string[]): Promise<Any> {
  try {
    return await import(new URL(`../../lib/${path}`, import.meta.url).href);
  } catch (error) {
    troubles.push(`lib/${path}: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`);
    return {};
  }
}

/** Makes every missing name of a namespace throw `MissingName`, so that translations can just use them. */
function guarded(namespace: Any, path: string): Any {
  return new Proxy(namespace, {
    get(target, key) {
      const value = Reflect.get(target, key) as unknown;
      if (typeof key === 'symbol' || key === 'then') return value;
      if (value === undefined) throw new MissingName(`${path}.${key}`);
      // Namespaces within (`nets`, `numpy`) are guarded too; classes, functions and constants are handed out as they are.
      const plain = typeof value === 'object' && value !== null
        && (Object.prototype.toString.call(value) === '[object Module]' || Object.getPrototypeOf(value) === Object.prototype);
      return plain && key !== 'config' ? guarded({ ...value }, `${path}.${key}`) : value;
    },
  });
}

let loaded: Promise<Api> | undefined;
export function loadApi(): Promise<Api> {
  return (loaded ??= (async () => {
    const troubles: string[] = [];
    const [hk, jax, optax] = await Promise.all(['index.js', 'jax/index.js', 'optax/index.js'].map((p) => room(p, troubles)));
    return { hk: guarded({ ...hk }, 'hk'), jax: guarded({ ...jax }, 'jax'), optax: guarded({ ...optax }, 'optax'), troubles };
  })());
}

const ROOTS: Record<string, (api: Api) => Any> = {
  hk: (api) => api.hk,
  jax: (api) => api.jax,
  jnp: (api) => api.jax.numpy,
  lax: (api) => api.jax.lax,
  optax: (api) => api.optax,
};

/** Whether `holder` has the member `key`, without tripping over its guard. */
const has = (holder: Any, key: string): boolean => holder !== null && holder !== undefined && key in Object(holder);

/** The value that the public API has for a Python name such as `hk.data_structures.tree_size`. */
export function resolve(api: Api, name: string): Any {
  const [root, ...parts] = name.split('.');
  const start = ROOTS[root];
  if (!start || parts.length === 0) throw new MissingName(name);
  let at = start(api);
  for (const [i, part] of parts.entries()) {
    const key = [camelCase(part), part].find((k) => has(at, k));
    if (key === undefined) throw new MissingName(parts.slice(0, i + 1).reduce((a, p) => `${a}.${camelCase(p)}`, root));
    at = at[key];
  }
  return at;
}
