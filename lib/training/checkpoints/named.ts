/** Trees as flat maps of named arrays: what safetensors files hold. */
import { ConcreteArray, NDArray, aval, expectConcrete } from '../../jax/array.js';
import { traverse } from '../../haiku/data-structures.js';
import type { MutableParams, Params } from '../../haiku/types.js';
import { DTYPES } from '../../runtime/dtypes.js';
import { TypeError, ValueError } from '../../runtime/errors.js';
import { labelled } from '../artifacts/names.js';
import type { NamedTensor } from '../checkpoint-file.js';
import { checkName } from './safetensors.js';

export type Named = ReadonlyMap<string, ConcreteArray>;

function collect(entries: Iterable<readonly [name: string, leaf: unknown]>, what: string): Map<string, ConcreteArray> {
  const out = new Map<string, ConcreteArray>();
  for (const [name, leaf] of entries) {
    if (!(leaf instanceof NDArray)) throw new TypeError(`${what} '${name}' must be an array, but is ${typeof leaf}.`);
    checkName(name, (fault) => new ValueError(`${what} cannot be saved: ${fault}.`));
    if (out.has(name)) throw new ValueError(`${what} cannot be saved: two arrays have the path '${name}'; rename one of them.`);
    out.set(name, expectConcrete(leaf, what));
  }
  return out;
}

/** Parameters as `module/name`, sorted. @throws ValueError for a name with a slash, which could not be told from its module */
export function namedParams(params: Params): Map<string, ConcreteArray> {
  return collect(function* () {
    for (const [module, name, value] of traverse(params)) {
      if (name.includes('/')) throw new ValueError(`The parameter '${module}', '${name}' cannot be saved: its name has a slash, so that it could not be told from its module's; rename it.`);
      yield [`${module}/${name}`, value] as const;
    }
  }(), 'The parameter');
}

/** The arrays of any tree by their paths; fields of named tuples by their names: `0/mu/mlp/~/linear_0/w`. */
export const namedLeaves = (x: unknown, what: string): Map<string, ConcreteArray> =>
  collect(labelled(x).map(({ labels, leaf }) => [labels.join('/'), leaf] as const), what);

/** The parameter map of names `module/name`. */
export function toParams(named: Named): MutableParams {
  const out: MutableParams = {};
  for (const [path, value] of named) {
    checkName(path, (fault) => new ValueError(`Parameters cannot be named so: ${fault}.`));
    const at = path.lastIndexOf('/');
    // Haiku's own name for what belongs to no module.
    const [module, name] = at < 0 ? ['~', path] : [path.slice(0, at), path.slice(at + 1)];
    if (!Object.hasOwn(out, module)) out[module] = {};
    out[module][name] = value;
  }
  return out;
}

/** An array over a tensor's own memory, where nobody else holds it, or over a copy. */
export function toArray({ dtype, shape, data }: NamedTensor): ConcreteArray {
  const whole = data.byteOffset === 0 && data.byteLength === data.buffer.byteLength;
  return new ConcreteArray(aval(shape, dtype), (whole ? data.buffer : Uint8Array.from(data).buffer) as ArrayBuffer);
}

const AT_ONCE = 4 << 20;

/**
 * Copies arrays to the host. It stops after every few megabytes, so that who does not block can do something else in
 * between; nothing may write the arrays meanwhile.
 */
export function* copies(arrays: Named): Generator<void, NamedTensor[]> {
  const out: NamedTensor[] = [];
  let since = 0;
  for (const [name, { dtype, shape, memory }] of arrays) {
    const bytes = shape.reduce((product, n) => product * n, DTYPES[dtype].size);
    // Every byte is written below.
    const copy = bytes > 4096 ? Buffer.allocUnsafeSlow(bytes) : new Uint8Array(bytes);
    if (memory instanceof ArrayBuffer) {
      for (let at = 0; at < bytes; at += AT_ONCE) {
        const length = Math.min(AT_ONCE, bytes - at);
        copy.set(new Uint8Array(memory, at, length), at);
        if ((since += length) >= AT_ONCE) { since = 0; yield; }
      }
    } else {
      memory.copyTo(copy.buffer as ArrayBuffer);
      yield;
    }
    out.push({ name, dtype, shape, data: copy });
  }
  return out;
}
