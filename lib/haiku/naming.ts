/** How modules are named. The rules, and so every path, are Haiku's. */
import { ValueError } from '../runtime/errors.js';

/** `ResNet50` → `res_net50`, `initialState` → `initial_state`. */
export const camelToSnake = (name: string): string => name.replace(/(?<=[a-z0-9])[A-Z]|(?!^)[A-Z](?=[a-z])/g, '_$&').toLowerCase();

// `:` is in no valid name, so nobody's name begins like this by accident.
const FORCE = 'FORCE:';

/**
 * Marks a module's name as absolute: neither the module that makes it nor a name scope adds to it, and it may be given
 * twice, which shares parameters. `new hk.Linear(3, { name: hk.forceName('mlp/~/linear_0') })`.
 */
export const forceName = (name: string): string => FORCE + name;
export const isForced = (name: string): boolean => name.startsWith(FORCE);
export const withoutForce = (name: string): string => name.slice(FORCE.length);

function splitNumber(name: string): { base: string; number: number | null } {
  const match = /^(.*)_(0|[1-9]\d*)$/s.exec(name);
  return match ? { base: match[1], number: Number(match[2]) } : { base: name, number: null };
}

/** The names given while one method runs. */
export class NameTable {
  readonly #used = new Set<string>();
  readonly #next = new Map<string, number>();

  clone(): NameTable {
    const copy = new NameTable();
    for (const name of this.#used) copy.#used.add(name);
    for (const [base, next] of this.#next) copy.#next.set(base, next);
    return copy;
  }

  /** Notes that a name is taken; numbers after it begin above its own. */
  reserve(name: string): void {
    this.#used.add(name);
    const { base, number } = splitNumber(name);
    this.#next.set(base, Math.max(this.#next.get(base) ?? 0, (number ?? 0) + 1));
  }

  /** The name itself, or with the next free number; a name that ends in a number is taken as it is. */
  unique(path: string): string {
    const { base, number } = splitNumber(path);
    const n = number ?? this.#next.get(base) ?? 0;
    const name = number !== null || n > 0 ? `${base}_${n}` : base;
    if (this.#used.has(name)) throw new ValueError(`Module name '${name}' is not unique: it was given before in this method; leave the number out, or give another.`);
    this.reserve(name);
    return name;
  }
}

const IDENTIFIER = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

function refuseName(name: string): never {
  throw new ValueError(`'${name}' is not a valid module name (must be a valid Python identifier: letters, digits and underscores, not beginning with a digit).`);
}

export function checkName(name: string): void {
  if (!IDENTIFIER.test(name)) refuseName(name);
}

/** Each part an identifier, which may begin with `~`, or `~` alone. */
export function checkForcedName(name: string): void {
  for (const part of name.split('/')) {
    if (part !== '~' && !IDENTIFIER.test(part.startsWith('~') ? part.slice(1) : part)) refuseName(name);
  }
}

/** What a method adds to the path of modules made in it: nothing for `call`, `~/` for the constructor, `~name/` for others. */
export function methodPrefix(methodName: string): string {
  // Haiku's own spellings mean the same here, so that `nameLike('__call__')` does not make a path of its own.
  if (methodName === 'call' || methodName === '__call__') return '';
  return methodName === 'constructor' || methodName === '__init__' ? '~/' : `~${camelToSnake(methodName)}/`;
}
