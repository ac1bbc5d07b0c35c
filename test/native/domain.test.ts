/** A session registers the operators of ours that its model uses: wherever a model can use one, it must be there. */
import { create, toBinary } from '@bufbuild/protobuf';
import { expect } from 'chai';
import { AttributeProto_AttributeType, GraphProtoSchema, ModelProtoSchema, NodeProtoSchema, type GraphProto, type NodeProto } from 'onnx-buf';
import { engine as loadEngine, engines } from '../../lib/runtime/engines.js';
import { thrown } from '../jax/helpers.js';

const FLOAT = 1, BOOL = 9;
const value = (name: string, elemType = FLOAT, shape: number[] = [2, 2]) =>
  ({ name, type: { value: { case: 'tensorType' as const, value: { elemType, shape: { dim: shape.map((d) => ({ value: { case: 'dimValue' as const, value: BigInt(d) } })) } } } } });
const node = (opType: string, input: string[], output: string[], domain = 'hokku', graphs: Record<string, GraphProto> = {}): NodeProto =>
  create(NodeProtoSchema, { opType, input, output, domain, attribute: Object.entries(graphs).map(([name, g]) => ({ name, type: AttributeProto_AttributeType.GRAPH, g })) });
const inner = (n: NodeProto): GraphProto => create(GraphProtoSchema, { name: 'inner', node: [n], output: [value(n.output[0])] });
const opsets = [{ domain: '', version: 20n }, { domain: 'hokku', version: 1n }, { domain: 'own', version: 1n }];
const model = (nodes: NodeProto[], more: object = {}): Uint8Array => toBinary(ModelProtoSchema, create(ModelProtoSchema, {
  irVersion: 10n, opsetImport: opsets, graph: { name: 'g', node: nodes, input: [value('a'), value('p', BOOL, [])], output: [value('y')] }, ...more,
}));

for (const { name, path, missing } of engines()) {
  describe(`the domain hokku on ${name}${path ? '' : ` (pending: ${missing})`}`, () => {
    before(function () { if (!path) this.skip(); });
    // [[4, 2], [2, 5]] is [[2, 0], [1, 2]] times its transpose.
    const run = (bytes: Uint8Array, predicate = 1): number[] => {
      const session = loadEngine(name).createSession(bytes);
      try {
        const [y] = session.run([{ dtype: 'float32', shape: [2, 2], data: Float32Array.of(4, 2, 2, 5).buffer }, { dtype: 'bool', shape: [], data: Uint8Array.of(predicate).buffer }]);
        return [...new Float32Array(y.data as ArrayBuffer)];
      } finally { session.dispose(); }
    };

    it('is there for models that use several of its operators, or none', () => {
      expect(run(model([node('Identity', ['a'], ['y'], '')]))).to.deep.equal([4, 2, 2, 5]);
      expect(run(model([node('Cholesky', ['a'], ['l']), node('Cofactors', ['l'], ['y'])]))).to.deep.equal([2, -1, 0, 2]);
    });

    it('is there inside branches', () => {
      const branches = { then_branch: inner(node('Cholesky', ['a'], ['l'])), else_branch: inner(node('Cofactors', ['a'], ['c'])) };
      const bytes = model([node('If', ['p'], ['y'], '', branches)]);
      expect([run(bytes, 1), run(bytes, 0)]).to.deep.equal([[2, 0, 1, 2], [5, -2, -2, 4]]);
    });

    it('is there inside functions of a model', () => {
      const functions = [{ name: 'F', domain: 'own', input: ['x'], output: ['l'], node: [node('Cholesky', ['x'], ['l'])], opsetImport: opsets }];
      expect(run(model([node('F', ['a'], ['y'], 'own')], { functions }))).to.deep.equal([2, 0, 1, 2]);
    });

    it('an operator that it lacks is refused by name', () => {
      expect(thrown(() => run(model([node('Cholesky', ['a'], ['l']), node('Choleski', ['l'], ['y'])]))).message).to.match(/Choleski/);
    });
  });
}
