import { expect } from 'chai';
import fc from 'fast-check';
import { labelsOf, selector, type Entry, type Selection } from '../../lib/runtime/patterns.js';
import { refused } from '../haiku/helpers.js';

const PATHS = ['embed/embeddings', 'mlp/~/linear_0/w', 'mlp/~/linear_0/b', 'mlp/~/linear_1/w', 'mlp/~/linear_1/b', 'mlp/~/linear_10/w', 'head/w', 'head/norm/scale', 'head/norm/offset', 'a.b/w', 'x[1]/w', '~/w', 'constructor/w'];
const entry = (path: string, i = 0): Entry<number> => { const at = path.lastIndexOf('/'); return [path.slice(0, at), path.slice(at + 1), i]; };
const ENTRIES = PATHS.map(entry);
const chosen = (selection: Selection): string[] => { const marks = selector(selection, 'here').over(ENTRIES); return PATHS.filter((_, i) => marks[i]); };

describe('patterns', () => {
  const cases: [Selection, string[]][] = [
    ['mlp/~/linear_1', ['mlp/~/linear_1/w', 'mlp/~/linear_1/b']],
    ['mlp/~/linear_1/w', ['mlp/~/linear_1/w']],
    ['head', ['head/w', 'head/norm/scale', 'head/norm/offset']],
    ['head/**', ['head/w', 'head/norm/scale', 'head/norm/offset']],
    ['head/*', ['head/w', 'head/norm/scale', 'head/norm/offset']],
    ['head/{w,norm/scale}', ['head/w', 'head/norm/scale']],
    ['mlp/~/linear_?', PATHS.slice(1, 5)],
    ['mlp/~/linear_*', PATHS.slice(1, 6)],
    ['mlp/*/linear_0', PATHS.slice(1, 3)],
    ['*/linear_0', []],
    ['**/linear_{0,10}', ['mlp/~/linear_0/w', 'mlp/~/linear_0/b', 'mlp/~/linear_10/w']],
    ['**/linear_1{,0}/w', ['mlp/~/linear_1/w', 'mlp/~/linear_10/w']],
    ['{mlp/**,head}/w', ['mlp/~/linear_0/w', 'mlp/~/linear_1/w', 'mlp/~/linear_10/w', 'head/w']],
    ['{mlp/~/linear_{0,1},head}/{w,b}', [...PATHS.slice(1, 5), 'head/w']],
    ['**/b', ['mlp/~/linear_0/b', 'mlp/~/linear_1/b']],
    ['**/head', ['head/w', 'head/norm/scale', 'head/norm/offset']],
    ['**', PATHS],
    ['*', PATHS],
    ['a.b', ['a.b/w']],
    ['a?b', ['a.b/w']],
    ['x[1]', ['x[1]/w']],
    ['~', ['~/w']],
    ['constructor', ['constructor/w']],
    ['!mlp', PATHS.filter((p) => !p.startsWith('mlp'))],
    [['!mlp', '!**/w'], ['embed/embeddings', 'head/norm/scale', 'head/norm/offset']],
    [['mlp', '!**/b'], ['mlp/~/linear_0/w', 'mlp/~/linear_1/w', 'mlp/~/linear_10/w']],
    [['**/b', 'embed'], ['embed/embeddings', 'mlp/~/linear_0/b', 'mlp/~/linear_1/b']],
    [[], []],
    [/linear_1\//, ['mlp/~/linear_1/w', 'mlp/~/linear_1/b']],
    [/^(?!.*\/w$)/g, PATHS.filter((p) => !p.endsWith('/w'))],
    [(module: string, name: string, value: number) => module === 'head' || name === 'b' || value === 0, ['embed/embeddings', 'mlp/~/linear_0/b', 'mlp/~/linear_1/b', 'head/w']],
    [[(module: string) => module === 'head', /norm/, 'embed', '!**/offset'], ['embed/embeddings', 'head/w', 'head/norm/scale']],
  ];
  for (const [selection, paths] of cases) {
    it(`${globalThis.Array.isArray(selection) ? `[${selection.join(', ')}]` : String(selection)}`, () => {
      if (paths.length || globalThis.Array.isArray(selection)) expect(chosen(selection)).to.deep.equal(paths);
      else refused(() => chosen(selection), 'ValueError', /matches none/);
    });
  }

  it('a name is the pattern of itself, whatever is in it, if no letter of it is special', () => {
    const part = fc.string({ minLength: 1, maxLength: 6, unit: 'grapheme' }).filter((s) => !/[*?{,}!/\p{M}]/u.test(s));
    fc.assert(fc.property(fc.array(part, { minLength: 1, maxLength: 4 }), part, fc.nat(3), (module, name, depth) => {
      const of = selector([...module, name].slice(0, depth + 1).join('/'));
      expect(of(module.join('/'), name, 0)).to.equal(true);
      expect(selector('**')(module.join('/'), name, 0)).to.equal(true);
      expect(of(`${module[0]}_/${module.join('/')}`, name, 0)).to.equal(false);
    }));
  });

  it('a selector is a predicate, and a selection again', () => {
    const biases = selector('**/b');
    expect([biases('mlp', 'b', 0), biases('b', 'w', 0), biases('mlp', 'w', 0)]).to.deep.equal([true, true, false]);
    expect(selector(biases)).to.equal(biases);
    expect(chosen([biases])).to.deep.equal(['mlp/~/linear_0/b', 'mlp/~/linear_1/b']);
  });

  it('what matches nothing is refused, with the nearest name', () => {
    refused(() => chosen('mlp/~/linear_2'), 'ValueError', /^here: the pattern 'mlp\/~\/linear_2' matches none of the parameters; did you mean 'mlp\/~\/linear_[01]'\? The modules are embed, mlp\/~\/linear_0,/);
    refused(() => chosen('linear_1'), 'ValueError', /did you mean 'mlp\/~\/linear_1'\?/);
    refused(() => chosen('linear_10/w'), 'ValueError', /did you mean 'mlp\/~\/linear_10\/w'\?/);
    refused(() => chosen('b'), 'ValueError', /did you mean '\*\*\/b'\?/);
    refused(() => chosen('emebd'), 'ValueError', /did you mean 'embed'\?/);
    refused(() => chosen(['mlp', '!nothing_like_it']), 'ValueError', /'!nothing_like_it' matches none of the parameters; the modules are/);
    refused(() => chosen(/conv/), 'ValueError', /'\/conv\/' matches none/);
    refused(() => selector('a').over([]), 'ValueError', /matches none/);
  });

  it('what is no selection is refused', () => {
    for (const wrong of [3, null, undefined, {}, [3], [null]]) refused(() => chosen(wrong as never), 'TypeError', /^here: expected a glob, a RegExp, a function \(module, name, value\) or a list of these, but got (number|null|undefined|object)\.$/);
    refused(() => chosen('{a,b'), 'ValueError', /'\{a,b' opens a \{ that it does not close/);
    refused(() => chosen(async () => true), 'TypeError', /async/);
  });

  it('labels are those of the first group that selects', () => {
    const labels = labelsOf({ biases: '**/b', mlp: 'mlp', rest: '**' }, ENTRIES, 'here');
    expect(labels.slice(0, 4)).to.deep.equal(['rest', 'mlp', 'biases', 'mlp']);
    refused(() => labelsOf({ mlp: 'mlp' }, ENTRIES, 'here'), 'ValueError', /^here: no group has the parameter 'embed\/embeddings'; give the last group the pattern '\*\*'/);
    refused(() => labelsOf({ mlp: 'mpl', rest: '**' }, ENTRIES, 'here'), 'ValueError', /^here, group 'mlp': .* did you mean 'mlp'/);
  });
});
