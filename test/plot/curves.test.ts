import { expect } from 'chai';
import fc from 'fast-check';
import { curves, toPng } from '../../lib/plot/index.js';

const paths = (svg: string): string[] => [...svg.matchAll(/<path class="series[^>]* d="([^"]*)"/g)].map((m) => m[1]);
const points = (d: string): number[][] => [...d.matchAll(/[ML]([-\d.]+) ([-\d.]+)/g)].map((m) => [Number(m[1]), Number(m[2])]);
/** The value that a point of the picture stands for. */
const valueAt = (svg: string, [px, py]: number[]): [number, number] => {
  const numbers = (name: string): number[] => new RegExp(`data-${name}="([^"]*)"`).exec(svg)![1].split(',').map(Number);
  const [[left, right, top, bottom], [x0, x1], [y0, y1]] = [numbers('frame'), numbers('x'), numbers('y')];
  const t = (bottom - py) / (bottom - top);
  return [x0 + (px - left) / (right - left) * (x1 - x0), svg.includes('data-log') ? y0 * (y1 / y0) ** t : y0 + t * (y1 - y0)];
};

describe('curves', () => {
  it('puts every point where its value is', () => {
    for (const yScale of ['linear', 'log'] as const) {
      const [x, y] = [[1, 5, 10, 20], [0.001, 2, 300, 0.5]];
      const svg = curves([{ name: 'loss', x, y }], { yScale });
      points(paths(svg)[0]).map((p) => valueAt(svg, p)).forEach(([vx, vy], i) => {
        expect(vx).to.be.closeTo(x[i], 0.01);
        if (yScale === 'linear') expect(vy).to.be.closeTo(y[i], 0.2);
        else expect(vy / y[i]).to.be.closeTo(1, 0.01);
      });
    }
  });

  it('breaks the line where a value is missing', () => {
    const svg = curves([{ name: 'a', x: [1, 2, 3, 4, 5], y: [1, NaN, 2, 3, Infinity] }]);
    expect(paths(svg)[0].match(/M/g)).to.have.length(2);
    expect(curves([{ name: 'a', x: [1, 2, 3], y: [1, 0, 10] }], { yScale: 'log' })).to.match(/class="series[^>]* d="M[^M]*M[^M]*"/);
    expect(curves([{ name: 'a', x: [1], y: [NaN] }])).to.include('no finite values');
    expect(curves([])).to.include('no finite values');
  });

  it('thins out a long series, and keeps its peaks', () => {
    const y = Float64Array.from({ length: 100_000 }, (_, i) => (i === 54_321 ? 50 : Math.sin(i)));
    const svg = curves([{ name: 'a', x: y.map((_, i) => i), y }]);
    const [d] = paths(svg);
    expect(points(d).length).to.be.below(2500);
    expect(Math.max(...points(d).map((p) => valueAt(svg, p)[1]))).to.be.closeTo(50, 0.3);
  });

  it('draws anything, as a picture too', async () => {
    const numbers = fc.array(fc.oneof(fc.double(), fc.integer()), { maxLength: 30 });
    fc.assert(fc.property(numbers, fc.constantFrom('linear' as const, 'log' as const), fc.string(), (y, yScale, name) => {
      const svg = curves([{ name, x: y.map((_, i) => i), y }], { yScale, title: name });
      expect(svg.replaceAll(/ data-name="[^"]*"| aria-label="[^"]*"|<text class="title".*?<\/text>/g, '')).not.to.match(/NaN|Infinity|undefined/);
    }));
    expect((await toPng(curves([{ name: 'a<b>', x: [0, 1], y: [0, 1], pale: true }, { name: 'c', x: [0, 1], y: [1, 0], marked: true }], { title: 'a & b' }))).length).to.be.above(1000);
  });

  it('draws a constant, and one that differs by rounding only', () => {
    for (const y of [[20, 20], [20, 20 - 4e-15], [0, 0], [-3, -3]]) expect(curves([{ name: 'a', x: [1, 2], y }])).to.include('class="grid"');
    expect(curves([{ name: 'a', x: [1, 2], y: [20, 20 - 4e-15] }], { yScale: 'log' })).to.include('class="grid"');
  });

  it('refuses what it cannot draw, by name', () => {
    expect(() => curves([{ name: 'a', x: [1], y: [] }])).to.throw("the series 'a' has 1 x and 0 y");
    expect(() => curves([], { yscale: 'log' } as never)).to.throw("did you mean 'yScale'");
    expect(() => curves([], { yScale: 'sqrt' as never })).to.throw("'linear' or 'log', but got 'sqrt'");
  });
});
