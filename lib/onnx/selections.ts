/** What is often trained of a model, by what its nodes do with it: values for `trainable`. */
import { ValueError } from '../runtime/errors.js';
import type { Array } from '../jax/index.js';
import type { Predicate } from '../runtime/patterns.js';
import { originOf, type ImportedModel } from './import.js';
import type { Graph, Node } from './graph.js';
import type { Parameter } from './names.js';

interface Use { readonly node: Node; readonly input: number; readonly at: number }

/** Who reads a value, with the place of the outermost node. */
function usesOf(graph: Graph): Map<string, Use[]> {
  const uses = new Map<string, Use[]>();
  const walk = (nodes: readonly Node[], at: number | null): void => nodes.forEach((node, i) => {
    node.inputs.forEach((name, input) => { if (name) uses.set(name, [...(uses.get(name) ?? []), { node, input, at: at ?? i }]); });
    for (const g of node.graphs.values()) walk(g.nodes, at ?? i);
  });
  walk(graph.nodes, null);
  return uses;
}

function chosen(model: ImportedModel, where: string, of: (p: Parameter, uses: readonly Use[]) => boolean): Predicate<Array> {
  const { model: { graph }, parameters } = originOf(model, where);
  const uses = usesOf(graph);
  const names = new Set(parameters.filter((p) => of(p, uses.get(p.initializer) ?? [])).map((p) => JSON.stringify([p.module, p.name])));
  if (names.size === 0) throw new ValueError(`${where}: the model has no such parameters.`);
  return (module, name) => names.has(JSON.stringify([module, name]));
}

const BIAS_INPUTS: Readonly<Record<string, number>> = { Conv: 2, ConvTranspose: 2, Gemm: 2, LSTM: 3, GRU: 3, RNN: 3, BiasGelu: 1, FastGelu: 1, FusedConv: 2, FusedGemm: 2 };
const NORMS = /^(?:Batch|Instance|Group|Layer|RMS|SkipLayer|SimplifiedLayer|SkipSimplifiedLayer|EmbedLayer)Normalization$/;
const NORM_NAMES = /(?:^|[/_.])(?:layer_?norm|batch_?norm|group_?norm|rms_?norm|norm|ln|bn|gn)[\d_a-z]*$/i;
const isNorm = (p: Parameter, uses: readonly Use[]): boolean =>
  uses.some(({ node, input }) => NORMS.test(node.op) && input >= 1) || (p.tensor.shape.filter((d) => d !== 1).length <= 1 && NORM_NAMES.test(p.module));

/** Biases alone (Ben Zaken et al., 2021): what is added after a product, normalisations' shifts included. */
export const biasOnly = (model: ImportedModel): Predicate<Array> => chosen(model, 'biasOnly', (p, uses) =>
  /(?:^|_)b(?:ias|eta)?(?:_\d+)?$/i.test(p.name) || uses.some(({ node, input }) => BIAS_INPUTS[node.op] === input || (node.op === 'Add' && p.tensor.shape.filter((d) => d !== 1).length === 1) || (NORMS.test(node.op) && input === 2)));

/** Scales and shifts of normalisations alone. */
export const normOnly = (model: ImportedModel): Predicate<Array> => chosen(model, 'normOnly', isNorm);

/** The parameters of the last `n` modules, in the order in which the graph uses them. */
export function lastLayers(model: ImportedModel, n: number): Predicate<Array> {
  if (!Number.isInteger(n) || n < 1) throw new ValueError(`lastLayers: expected a whole number of layers of at least 1, got ${n}.`);
  const { model: { graph }, parameters } = originOf(model, 'lastLayers');
  const uses = usesOf(graph);
  const place = new Map<string, number>();
  for (const p of parameters) place.set(p.module, Math.max(place.get(p.module) ?? -1, ...(uses.get(p.initializer) ?? []).map((u) => u.at)));
  const last = new Set([...place].sort(([, a], [, b]) => b - a).slice(0, n).map(([module]) => module));
  return (module) => last.has(module);
}
