/** **data_structures**: one call on `{module: {name: leaf}}` structures; the order of iteration counts. */
import { resolve, type Any } from '../api.js';
import { isArray } from '../compare.js';
import { evaluate } from '../evaluate.js';
import type { Checking } from '../report.js';
import { namesIn } from '../trees.js';
import { expectError } from './errors.js';

export function checkDataStructures(on: Checking): void {
  on.report.attempt(on.it.json.op, () => {
    const { json } = on.it;
    if (json.raises) return expectError(on, json.op, json.raises.type, () => run(on));
    const result = run(on);
    on.report.equal('the result', sorted(picture(result)), sorted(json.result));
    if (json.order) on.report.equal('the order', Array.isArray(result) ? result.map(namesIn) : namesIn(result), json.order);
  });
}

function run(on: Checking): Any {
  const { json } = on.it;
  const make = (x: Any): Any => build(on, x);
  const lambda = (e: Any): Any => evaluate(on.api, e, {});
  const api = (name: string): Any => resolve(on.api, `hk.data_structures.${name}`);
  switch (json.op.replace('hk.data_structures.', '')) {
    case 'merge': {
      const structures = json.structures.map(make);
      return json.kwargs.check_duplicates ? api('merge')(...structures, { checkDuplicates: true }) : api('merge')(...structures);
    }
    case 'merge(*hk.data_structures.partition)': return api('merge')(...api('partition')(lambda(json.predicate), make(json.structure)));
    case 'filter': return api('filter')(lambda(json.predicate), make(json.structure));
    case 'map': return api('map')(lambda(json.fn), make(json.structure));
    case 'partition': return api('partition')(lambda(json.predicate), make(json.structure));
    case 'partition_n': return api('partition_n')(lambda(json.fn), make(json.structure), json.n);
    case 'is_subset': return api('is_subset')({ subset: make(json.subset), superset: make(json.superset) });
    case 'traverse': return [...api('traverse')(make(json.structure))];
    case 'to_mutable_dict': return api('to_mutable_dict')(api('to_immutable_dict')(make(json.structure)));
    default: return resolve(on.api, json.op)(make(json.structure));
  }
}

/** A structure with arrays of zeros where the picture has `{"$shape", "$dtype"}`. */
function build(on: Checking, x: Any): Any {
  if (x === null || typeof x !== 'object') return x;
  if (Array.isArray(x)) return x.map((y) => build(on, y));
  if ('$shape' in x) return on.api.jax.numpy.zeros(x.$shape, { dtype: x.$dtype });
  return Object.fromEntries(Object.entries(x).map(([k, v]) => [k, build(on, v)]));
}

function picture(x: Any): Any {
  if (isArray(x)) return { $shape: x.shape, $dtype: x.dtype };
  if (Array.isArray(x)) return x.map(picture);
  return x === null || typeof x !== 'object' ? x : Object.fromEntries(Object.entries(x).map(([k, v]) => [k, picture(v)]));
}

/** Keys in sorted order: their own order is compared apart from the values. */
function sorted(x: Any): Any {
  if (Array.isArray(x)) return x.map(sorted);
  if (x === null || typeof x !== 'object') return x;
  return Object.fromEntries(Object.keys(x).sort().map((k) => [k, sorted(x[k])]));
}
