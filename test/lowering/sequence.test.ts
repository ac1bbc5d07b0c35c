import { expect } from 'chai';
import fc from 'fast-check';
import { grad, jit, lax, makeJaxpr, nn, numpy as jnp, type Array } from '../../lib/jax/index.js';
import { buildModel } from '../../lib/jax/program.js';
import { Graph } from '../../lib/lowering/graph.js';
import { serialize } from '../../lib/lowering/model.js';
import { gatherSequences } from '../../lib/lowering/sequence.js';
import type { NativeTensor } from '../../lib/runtime/addon.js';
import { engine as loadEngine, engines } from '../../lib/runtime/engines.js';
import { numbers } from '../jax/helpers.js';

const operators = (graph: Graph): string[] => graph.nodes.map((n) => n.op);
function graphsOf(f: (...args: any[]) => unknown, args: readonly Array[]): { plain: Graph; gathered: Graph } {
  const [plain, gathered] = [0, 1].map(() => buildModel(makeJaxpr(f)(...args).jaxpr, new Map(), true).graph);
  gatherSequences(gathered);
  return { plain, gathered };
}
const tensor = (x: Array): NativeTensor => ({ dtype: x.dtype, shape: [...x.shape], data: (x.data as Float32Array).slice().buffer as ArrayBuffer });

const layer = (x: Array, w: Array, b: Array) => nn.relu(jnp.matmul(x, w).add(b));
const args = [numbers(1, [5, 7]), numbers(2, [7, 9]), numbers(3, [9]), numbers(4, [9, 4])];
const loss = (x: Array, w: Array, b: Array, v: Array) => jnp.sum(nn.logSoftmax(jnp.matmul(layer(x, w, b), v)));
const gradients = (x: Array, w: Array, b: Array, v: Array) => grad(loss, { argnums: [1, 2, 3] })(x, w, b, v);

describe('sequences', () => {
  it('gather what stands between the nodes of the engine', () => {
    const { plain, gathered } = graphsOf(gradients, args);
    expect(operators(plain).filter((op) => op === 'Product')).to.have.length(5);
    expect(operators(gathered).filter((op) => op === 'Sequence')).to.have.length(2);
    expect(operators(gathered)).not.to.include.members(['Product']).and.not.to.include.members(['Fused']);
    // What nobody outside reads stays inside.
    expect(gathered.nodes.at(-1)!.outputs).to.have.members(gathered.outputs.map((o) => o.name));
  });

  it('leave alone what stands alone, and what has open dimensions', () => {
    expect(operators(graphsOf(layer, args.slice(0, 3)).gathered)).to.deep.equal(['Product']);
    const open = new Graph(true);
    const x = open.input('x', 'float32', ['n', 3]);
    const made = [0, 1].reduce((y) => open.node('Product', [y, open.constant('float32', [3, 3], [1, 0, 0, 0, 1, 0, 0, 0, 1])], { transA: 0, transB: 0, relu: 0, masked: 0 }, 'hokku'), x);
    open.output(made, 'float32', ['n', 3]);
    gatherSequences(open);
    expect(operators(open)).to.deep.equal(['Product', 'Product']);
  });

  it('put out what an inner graph reads', () => {
    const f = (x: Array, w: Array, b: Array) => {
      const y = layer(x, w, b);
      const z = jnp.tanh(y).mul(2);
      return lax.cond(jnp.sum(z).gt(0), () => y.add(z), () => y.sub(z), []);
    };
    const { plain, gathered } = graphsOf(f, args.slice(0, 3));
    expect(operators(gathered)).to.include.members(['Sequence', 'If']);
    expect(operators(plain)).not.to.include('Sequence');
    expect(jit(f)(...args.slice(0, 3) as [Array, Array, Array]).tolist()).to.deep.equal(f(...args.slice(0, 3) as [Array, Array, Array]).tolist());
  });

  for (const info of engines()) {
    const here = info.missing ? it.skip : it;
    here(`have the same bits as their parts on ${info.name}${info.missing ? ` (pending: ${info.missing})` : ''}`, () => {
      const side = fc.integer({ min: 1, max: 20 });
      fc.assert(fc.property(side, side, side, side, (m, k, n, o) => {
        const given = [numbers(1, [m, k]), numbers(2, [k, n]), numbers(3, [n]), numbers(4, [n, o])];
        const run = (graph: Graph) => {
          const session = loadEngine(info.name).createSession(serialize(graph), { intraOpNumThreads: 1 });
          try {
            return session.run(graph.inputs.map((i) => tensor(given[Number(i.name.slice(1))]))).map((t) => Buffer.from(t.data as ArrayBuffer).toString('hex'));
          } finally {
            session.dispose();
          }
        };
        const { plain, gathered } = graphsOf(gradients, given);
        expect(run(gathered)).to.deep.equal(run(plain));
      }), { numRuns: 15 });
    });

    here(`refuse steps that they do not know on ${info.name}${info.missing ? ` (pending: ${info.missing})` : ''}`, () => {
      const make = (steps: number[], outputs = [1]) => () => {
        const g = new Graph(true);
        g.output(g.node('Sequence', [g.input('x', 'float32', [2, 2])], { steps, outputs }, 'hokku'), 'float32', [2, 2]);
        loadEngine(info.name).createSession(serialize(g), {}).dispose();
      };
      const square = [1, 2, 0, 0, 1, 4, 0, 0, 0, 0];
      make([1, ...square])();
      expect(make([1, 7, ...square.slice(1)])).to.throw(/is none that it knows/);
      expect(make([1, 1, 2, 0, 5, 1, 4, 0, 0, 0, 0])).to.throw(/a value that is not there/);
      expect(make([1, 1, 2, 0, -1, 1, 4, 0, 0, 0, 0])).to.throw(/a value that is not there/);
      expect(make([2, ...square])).to.throw(/end too early/);
      expect(make([1, ...square.slice(0, 7)])).to.throw(/end too early/);
      expect(make([1, 1, -2])).to.throw(/out of range/);
      expect(make([1, 1, 1, 0, 1, 4, 0, 0, 0, 0])).to.throw(/is none that it knows/);
      expect(make([1, ...square], [0])).to.throw(/none of its values/);
      expect(make([1, ...square], [2])).to.throw(/none of its values/);
      expect(make([1, 0, 1, 0, 1, 2, 9, 9])).to.throw(/hokku/);
    });
  }
});
