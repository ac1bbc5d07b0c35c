import { expect } from 'chai';
import { heatmaps, type PlottableParams } from '../../lib/plot/index.js';

const filled = (shape: number[], of: (i: number) => number) =>
  ({ shape, data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => of(i)) });
const count = (text: string, what: RegExp) => text.match(what)?.length ?? 0;
/** What is written in the picture, in drawing order. */
const texts = (svg: string) => [...svg.matchAll(/<text [^>]*>([^<]*)<\/text>/g)].map((m) => m[1]);

const notebook: PlottableParams = {
  'mlp/~/linear_2': { b: filled([10], () => 0), w: filled([100, 10], Math.sin) },
  'mlp/~/linear_0': { b: filled([300], () => 0), w: filled([1, 300], Math.sin) },
  'mlp/~/linear_1': { b: filled([100], () => 0), w: filled([300, 100], Math.sin) },
};

describe('heatmaps', () => {
  it('draws one row per module in sorted order, w left of b, each with its title', () => {
    const svg = heatmaps(notebook, { title: 'before training' });
    const titles = texts(svg).filter((t) => t.includes('/'));
    expect(titles).to.deep.equal([0, 1, 2].flatMap((i) => [`mlp/~/linear_${i}/w`, `mlp/~/linear_${i}/b`]));
    expect(texts(svg)[0]).to.equal('before training');
    const places = [...svg.matchAll(/<g transform="translate\(([\d.]+),([\d.]+)\)">/g)].map((m) => [Number(m[1]), Number(m[2])]);
    expect(places).to.have.length(6);
    expect(new Set(places.map(([x]) => x)).size, 'columns').to.equal(2);
    expect(new Set(places.map(([, y]) => y)).size, 'rows').to.equal(3);
  });

  it('gives each panel a colour bar whose ticks lie inside the values', () => {
    const svg = heatmaps({ m: { w: filled([2, 2], (i) => i - 1) } });
    expect(count(svg, /fill="url\(#YlGnBu\)"/g)).to.equal(1);
    const labels = texts(svg).slice(-4);
    expect(labels).to.deep.equal(['−1', '0', '1', '2']);
  });

  it('shows a constant in the middle of its colours, with room on both sides', () => {
    const svg = heatmaps({ m: { b: filled([3], () => 0) } });
    expect(texts(svg)).to.include.members(['−0.10', '0.00', '0.10']);
    expect(count(svg, /fill="#41b6c4"|fill="#40b5c4"/g)).to.equal(3);
  });

  it('draws few cells as rectangles, from the lightest colour to the darkest', () => {
    const svg = heatmaps({ m: { w: filled([2, 3], (i) => i) } });
    expect(count(svg, /<image/g)).to.equal(0);
    expect(svg).to.include('fill="#ffffd9"').and.include('fill="#081d58"');
  });

  it('embeds a large matrix as a small picture', () => {
    const svg = heatmaps({ m: { w: filled([2048, 2048], (i) => i % 97) } });
    expect(count(svg, /<image[^>]*href="data:image\/png;base64,/g)).to.equal(1);
    expect(svg.length).to.be.below(500_000);
  });

  it('shows missing values in grey, and says so where nothing else is there', () => {
    const svg = heatmaps({ m: { some: filled([3], (i) => [1, NaN, 2][i]), none: filled([2], () => Infinity), empty: filled([0, 3], () => 0) } });
    expect(count(svg, /fill="#eaeaf2"/g)).to.equal(3);
    expect(texts(svg)).to.include.members(['no finite values', 'empty']);
  });

  it('puts together all axes but the last', () => {
    const svg = heatmaps({ conv: { w: filled([3, 3, 2, 4], (i) => i), scalar: { shape: [], data: [7] } } });
    expect(texts(svg).filter((t) => t === '15'), 'row labels reach the 18 rows').to.have.length.at.least(1);
    expect(svg).to.include('conv/w [3,3,2,4]').and.include('conv/scalar []');
  });

  it('draws on given ends, so that two pictures compare', () => {
    const svg = heatmaps({ m: { w: filled([1, 2], (i) => i) } }, { vmin: 0, vmax: 2 });
    expect(svg).not.to.include('fill="#081d58"');
    expect(texts(svg)).to.include('2.0');
  });

  it('writes any module name', () => {
    const svg = heatmaps({ ['a<b>&"\u0001']: { w: filled([1], () => 1) }, ['x'.repeat(200)]: { w: filled([1], () => 1) } });
    expect(svg).to.include('a&lt;b&gt;&amp;&quot;');
    expect(svg).not.to.match(/\u0001/);
    expect(Math.max(...texts(svg).map((t) => t.length))).to.be.at.most(60);
  });

  it('is the same text every time', () => {
    expect(heatmaps(notebook)).to.equal(heatmaps(notebook));
  });

  it('refuses what it cannot draw, by name', () => {
    expect(() => heatmaps({})).to.throw('no arrays to draw');
    expect(() => heatmaps({ m: { w: { shape: [2, 2], data: [1] } } })).to.throw('m/w has shape [2,2], which is 4 values, but its data holds 1');
    expect(() => heatmaps(notebook, { titel: 'x' } as object)).to.throw("unknown option 'titel'; did you mean 'title'?");
    expect(() => heatmaps(notebook, { vmin: 2, vmax: 1 })).to.throw('vmin ≤ vmax');
  });
});
