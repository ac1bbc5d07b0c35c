import { expect } from 'chai';
import { colour, hex, LEVELS, levelOf } from '../../lib/plot/palette.js';
import { indexTicks, valueTicks } from '../../lib/plot/ticks.js';

describe('the YlGnBu palette', () => {
  // seaborn.color_palette('YlGnBu', as_cmap=True)(level) × 255, rounded
  const peers: [number, string][] = [[0, '#ffffd9'], [255, '#081d58'], [128, '#40b5c4'], [64, '#c6e9b4'], [200, '#2352a3']];
  for (const [level, expected] of peers) {
    it(`has ${expected} at level ${level}, as seaborn has`, () => {
      const channels = (c: string) => [1, 3, 5].map((i) => parseInt(c.slice(i, i + 2), 16));
      channels(hex(colour(level))).forEach((v, k) => expect(v).to.be.closeTo(channels(expected)[k], 1));
    });
  }

  it('maps positions to levels, and clamps', () => {
    expect([-1, 0, 0.5, 1, 2].map(levelOf)).to.deep.equal([0, 0, LEVELS / 2, LEVELS - 1, LEVELS - 1]);
  });

  it('gets darker from end to end', () => {
    const light = Array.from({ length: LEVELS }, (_, i) => colour(i)).map(([r, g, b]) => 0.299 * r + 0.587 * g + 0.114 * b);
    light.slice(1).forEach((v, i) => expect(v).to.be.at.most(light[i] + 0.6));
  });
});

describe('ticks', () => {
  const labels = (low: number, high: number) => valueTicks(low, high).map((t) => t.label);

  it('are round values inside the range, in one notation', () => {
    expect(labels(-0.1, 0.1)).to.deep.equal(['−0.10', '−0.05', '0.00', '0.05', '0.10']);
    expect(labels(0.13, 0.97)).to.deep.equal(['0.2', '0.4', '0.6', '0.8']);
    expect(labels(-1.5e-6, 1.2e-6)).to.deep.equal(['−1e−6', '0', '1e−6']);
    expect(labels(-8e4, 1.3e5)).to.deep.equal(['−5e4', '0', '5e4', '1e5']);
  });

  it('on an index axis are whole numbers with room between them', () => {
    expect(indexTicks(10, 430, 34)).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(indexTicks(300, 430, 34)[1]).to.equal(25);
    expect(indexTicks(1, 430, 34)).to.deep.equal([0]);
    expect(indexTicks(7, 430, 150).every(Number.isInteger)).to.equal(true);
  });
});
