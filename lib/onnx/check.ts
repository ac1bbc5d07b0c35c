/** What of a model can be run and derived, found out before anything is. */
import { nearestName } from '../runtime/nearest.js';
import { unsupported, type UnsupportedNode } from './errors.js';
import type { Node } from './graph.js';
import { domains, operatorNames, operatorOf } from './operators/index.js';

/** By domain and operator: a name is not looked for again in each of a thousand nodes. */
type Nearest = Map<string, string | undefined>;

function reasonOf(node: Node, found: Nearest): string | undefined {
  const operator = operatorOf(node);
  if (operator) return operator.refuses?.(node);
  if (!domains().includes(node.domain)) return `operators of the domain '${node.domain}' are not known`;
  const key = `${node.domain} ${node.op}`;
  if (!found.has(key)) found.set(key, nearestName(node.op, operatorNames(node.domain)));
  const near = found.get(key);
  return `the operator '${node.domain ? `${node.domain}.` : ''}${node.op}' is not supported${near && near.toLowerCase() !== node.op.toLowerCase() ? ` (the nearest is ${near})` : ''}`;
}

/** Every node that cannot be run, graphs within nodes included. */
export function unsupportedIn(nodes: readonly Node[], found: Nearest = new Map()): UnsupportedNode[] {
  return nodes.flatMap((node) => {
    if (node.body) return unsupportedIn(node.body.nodes, found);
    const reason = reasonOf(node, found);
    return [...(reason ? [unsupported(node, reason)] : []), ...[...node.graphs.values()].flatMap((g) => unsupportedIn(g.nodes, found))];
  });
}

/** Operators whose results are no function of the reals: a derivative ends there, as it should. */
const DISCRETE = new Set([
  'Shape', 'Size', 'ArgMax', 'ArgMin', 'Equal', 'Less', 'LessOrEqual', 'Greater', 'GreaterOrEqual', 'And', 'Or', 'Xor', 'Not', 'IsNaN', 'IsInf', 'NonZero',
  'Floor', 'Ceil', 'Round', 'Sign', 'OptionalHasElement', 'SequenceLength', 'Hardmax', 'ConstantOfShape', 'EyeLike', 'RandomNormalLike', 'RandomUniformLike',
]);

/** Nodes between trainable values and outputs through which no derivative passes. */
export function notDerivable(nodes: readonly Node[], trainable: ReadonlySet<string>, straightThrough: boolean): UnsupportedNode[] {
  const reached = new Set(trainable);
  const found: UnsupportedNode[] = [];
  const walk = (list: readonly Node[]): void => {
    for (const node of list) {
      const given = [...node.inputs, ...node.captures].some((name) => reached.has(name));
      for (const g of node.graphs.values()) {
        // Inside, everything that comes in may be one of them; and parameters may lie there.
        if (given) g.inputs.forEach((p) => reached.add(p.name));
        const inner = new Set(g.nodes.flatMap((n) => n.outputs));
        walk(g.nodes);
        if (g.outputs.some((o) => reached.has(o.name) && (inner.has(o.name) || g.constants.has(o.name)))) node.outputs.forEach((o) => reached.add(o));
      }
      if (!given || DISCRETE.has(node.op)) continue;
      const why = operatorOf(node)?.noGradient;
      if (why && !(straightThrough && node.op === 'QuantizeLinear')) found.push(unsupported(node, why));
      node.outputs.forEach((o) => reached.add(o));
    }
  };
  walk(nodes);
  return found;
}

