/** A picture of a function over modules, in the language of graphviz: its operations, in boxes by module. */
import { checkFunction, flattenArgs, toArrayLeaf, type Fn } from '../jax/autodiff.js';
import { Literal, Var, currentFrame, trace, type Atom, type Equation } from '../jax/core.js';
import * as tree from '../jax/tree.js';
import { interceptMethods, type Interceptor } from './interceptors.js';
import { camelToSnake } from './naming.js';
import { ArraySpec } from './text.js';

/** One call of a module's method, and the calls in it. */
interface Call { readonly label: string; readonly calls: Call[]; readonly equations: Equation[] }

const text = (x: string): string => JSON.stringify(x);
const spec = (a: Atom): string => String(new ArraySpec(a.aval.shape.map(Number), a.aval.dtype));
const IGNORED = new Set(['constructor', 'paramsDict', 'stateDict']);

/** Notes which call each equation belongs to: the innermost that was running. */
function watch(root: Call): Interceptor {
  const running = [root];
  const owned = new Set<Equation>();
  return (next, args, { module, methodName }) => {
    const frame = currentFrame();
    if (!frame || !module || IGNORED.has(methodName)) return next(...args);
    const name = methodName === 'call' ? '' : `.${camelToSnake(methodName)}`;
    const call: Call = { label: `${module.moduleName} (${(module as object).constructor.name}${name})`, calls: [], equations: [] };
    const from = frame.equations.length;
    running.at(-1)!.calls.push(call);
    running.push(call);
    try { return next(...args); } finally {
      running.pop();
      for (const equation of frame.equations.slice(from)) {
        if (!owned.has(equation)) call.equations.push(equation);
        owned.add(equation);
      }
    }
  };
}

/**
 * A function that gives the program of `fun` as a graphviz graph: a node for each operation, input and output, the
 * operations of each module's method in a box of their own. Nothing is computed: of the arguments only shapes and dtypes count.
 *
 * ```ts
 * const source = hk.toDot((x: Array) => f.apply(params, null, x))(x); // dot -Tsvg
 * ```
 * @param fun A pure function, such as one that calls `apply`.
 */
export function toDot(fun: Fn): (...args: any[]) => string {
  checkFunction(fun, 'hk.toDot');
  return (...args) => {
    const root: Call = { label: fun.name, calls: [], equations: [] };
    const { leaves, def } = flattenArgs(args, 'hk.toDot');
    const { jaxpr } = trace((...flat) => {
      const out = interceptMethods(watch(root), () => fun(...(tree.unflatten(def, flat) as unknown[])));
      return tree.leaves(out).map((x) => toArrayLeaf(x, 'hk.toDot'));
    }, leaves.map((x) => x.aval));

    const ids = new Map<Atom | Equation, string>();
    const id = (x: Atom | Equation): string => { if (!ids.has(x)) ids.set(x, `n${ids.size}`); return ids.get(x)!; };
    const node = (x: Atom | Equation, label: string, colour: string): string => `${id(x)} [label=${text(label)}, fillcolor="${colour}"];`;
    const live = new Set(jaxpr.equations);
    const inBoxes = new Set<Equation>();
    let boxes = 0;
    const box = (call: Call): string[] => {
      const own = call.equations.filter((e) => live.has(e));
      own.forEach((e) => inBoxes.add(e));
      const inner = [...own.map((e) => node(e, `${e.primitive.name}\n${e.outputs.map(spec).join(', ')}`, '#ffffff')), ...call.calls.flatMap(box)];
      return inner.length ? [`subgraph cluster_${boxes++} {`, `label=${text(call.label)};`, ...inner, '}'] : [];
    };
    const modules = root.calls.flatMap(box);
    const outside = jaxpr.equations.filter((e) => !inBoxes.has(e)).map((e) => node(e, `${e.primitive.name}\n${e.outputs.map(spec).join(', ')}`, '#ffffff'));
    const inputs = jaxpr.inputs.map((v) => node(v, spec(v), '#ffdd99'));
    const producer = new Map<Atom, string>([...jaxpr.inputs.map((v): [Atom, string] => [v, id(v)]), ...jaxpr.equations.flatMap((e) => e.outputs.map((v): [Atom, string] => [v, id(e)]))]);
    const edges = jaxpr.equations.flatMap((e) => e.inputs.flatMap((a) => (a instanceof Var ? [`${producer.get(a)} -> ${id(e)};`] : [])));
    const results = jaxpr.outputs.flatMap((a, i) => [`out${i} [label=${text(`output ${i}\n${spec(a)}`)}, fillcolor="#99ccff"];`, ...(a instanceof Literal ? [] : [`${producer.get(a)} -> out${i};`])]);
    return ['digraph {', 'rankdir=TB; compound=true; node [shape=box, style="filled,rounded", fontname="sans-serif", fontsize=10];', ...inputs, ...modules, ...outside, ...results, ...edges, '}', ''].join('\n');
  };
}
