/** Trees of arrays, and their pictures in the JSON: `$array`, `$tuple`, `$dict`, `$namedtuple`, null. */
import type { Any } from './api.js';
import { describe } from './compare.js';
import { camelCase } from './names.js';

/** A leaf of a picture beside the value found in its place. */
export interface Leaf { readonly key: string; readonly shape: number[]; readonly dtype: string; readonly value: Any }

const member = (value: Any, name: string, index: number): Any => {
  if (value === null || value === undefined) return undefined;
  for (const key of [name, camelCase(name)]) if (Object.hasOwn(Object(value), key) || key in Object(value)) return value[key];
  return Array.isArray(value) ? value[index] : undefined;
};

/** Walks a picture and a value together; `trouble` hears where their structures differ. */
export function pairLeaves(picture: Any, value: Any, trouble: (why: string) => void, path = ''): Leaf[] {
  const at = path || 'the result';
  if (picture === null) {
    if (value !== null && value !== undefined) trouble(`${at}: ${describe(value)} instead of nothing`);
    return [];
  }
  if ('$array' in picture) return [{ key: picture.$array, shape: picture.shape, dtype: picture.dtype, value }];
  if ('$tuple' in picture) {
    const list = Array.isArray(value) ? value : value !== null && typeof value === 'object' ? Object.values(value) : undefined;
    if (!list || list.length !== picture.$tuple.length) {
      trouble(`${at}: ${describe(value)} instead of a tuple of ${picture.$tuple.length}`);
      return [];
    }
    return picture.$tuple.flatMap((p: Any, i: number) => pairLeaves(p, list[i], trouble, `${path}/${i}`));
  }
  const parts: Record<string, Any> = '$dict' in picture ? picture.$dict : picture.fields;
  if ('$dict' in picture && value !== null && typeof value === 'object' && Object.keys(value).length !== Object.keys(parts).length) {
    trouble(`${at}: ${describe(value)} instead of the keys ${Object.keys(parts).join(', ')}`);
  }
  return Object.entries(parts).flatMap(([name, p], i) => pairLeaves(p, member(value, name, i), trouble, `${path}/${name}`));
}

/** The value that a picture describes, its leaves made by `leaf`. */
export function buildTree(picture: Any, leaf: (key: string) => Any): Any {
  if (picture === null) return null;
  if ('$array' in picture) return leaf(picture.$array);
  if ('$tuple' in picture) return picture.$tuple.map((p: Any) => buildTree(p, leaf));
  return Object.fromEntries(Object.entries('$dict' in picture ? picture.$dict : picture.fields).map(([k, p]) => [k, buildTree(p, leaf)]));
}

/** `mlp/~/linear_1/w` → ['mlp/~/linear_1', 'w']. */
export function splitName(path: string): [module: string, name: string] {
  const cut = path.lastIndexOf('/');
  return [path.slice(0, cut), path.slice(cut + 1)];
}

/** The `[module, name]` pairs of a parameter map in the order of iteration. */
export const namesIn = (params: Any): [string, string][] =>
  Object.entries(params).flatMap(([module, bundle]) => Object.keys(bundle as object).map((name): [string, string] => [module, name]));
