/** A picture of a function over modules, in the language of graphviz: its operations, in boxes by module. */
import type { Fn } from '../jax/autodiff.js';
import { Literal, Var, type Atom, type Equation, type Scope } from '../jax/core.js';
import { makeJaxpr } from '../jax/index.js';
import { ArraySpec } from './text.js';

/** A box of the picture: the operations of one scope, and the boxes in it. */
interface Box { readonly scope: Scope | null; readonly equations: Equation[]; readonly boxes: Box[] }

const text = (x: string): string => JSON.stringify(x);
const spec = (a: Atom): string => String(new ArraySpec(a.aval.shape.map(Number), a.aval.dtype));
const label = ({ name, module }: Scope): string => (module ? `${module.path} (${module.method})` : name);

/** Puts equations into boxes; one call is one box, wherever its equations stand. */
function boxed(equations: readonly Equation[]): Box {
  const root: Box = { scope: null, equations: [], boxes: [] };
  const found = new Map<Scope | null, Box>([[null, root]]);
  const boxOf = (scope: Scope | null): Box => {
    const known = found.get(scope);
    if (known) return known;
    const box: Box = { scope, equations: [], boxes: [] };
    found.set(scope, box);
    boxOf(scope!.parent).boxes.push(box);
    return box;
  };
  for (const e of equations) boxOf(e.scope ?? null).equations.push(e);
  return root;
}

/**
 * A function that gives the program of `fun` as a graphviz graph: a node for each operation, input and output, the
 * operations of each module's method in a box of their own, gradients in the box of what they are the gradients of. Nothing
 * is computed: of the arguments only shapes and dtypes count.
 *
 * ```ts
 * const source = hk.toDot((x: Array) => f.apply(params, null, x))(x);
 * const svg = await graphToSvg(source); // from 'hokku/plot'
 * ```
 * @param fun A pure function, such as one that calls `apply`.
 */
export function toDot(fun: Fn): (...args: any[]) => string {
  const program = makeJaxpr(fun);
  return (...args) => {
    const { jaxpr } = program(...args);
    const ids = new Map<Atom | Equation, string>();
    const id = (x: Atom | Equation): string => { if (!ids.has(x)) ids.set(x, `n${ids.size}`); return ids.get(x)!; };
    const node = (x: Atom | Equation, name: string, colour: string): string => `${id(x)} [label=${text(name)}, fillcolor="${colour}"];`;
    const operation = (e: Equation): string => node(e, `${e.primitive.name}\n${e.outputs.map(spec).join(', ')}`, '#ffffff');
    let count = 0;
    const draw = ({ equations, boxes }: Box): string[] => [...equations.map(operation), ...boxes.flatMap((box) => [`subgraph cluster_${count++} {`, `label=${text(label(box.scope!))};`, ...draw(box), '}'])];
    const operations = draw(boxed(jaxpr.equations));
    const inputs = jaxpr.inputs.map((v) => node(v, spec(v), '#ffdd99'));
    const producer = new Map<Atom, string>([...jaxpr.inputs.map((v): [Atom, string] => [v, id(v)]), ...jaxpr.equations.flatMap((e) => e.outputs.map((v): [Atom, string] => [v, id(e)]))]);
    const edges = jaxpr.equations.flatMap((e) => e.inputs.flatMap((a) => (a instanceof Var ? [`${producer.get(a)} -> ${id(e)};`] : [])));
    const results = jaxpr.outputs.flatMap((a, i) => [`out${i} [label=${text(`output ${i}\n${spec(a)}`)}, fillcolor="#99ccff"];`, ...(a instanceof Literal ? [] : [`${producer.get(a)} -> out${i};`])]);
    return ['digraph {', 'rankdir=TB; compound=true; node [shape=box, style="filled,rounded", fontname="sans-serif", fontsize=10];', ...inputs, ...operations, ...results, ...edges, '}', ''].join('\n');
  };
}
