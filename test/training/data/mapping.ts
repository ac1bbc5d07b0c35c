/** What a worker thread runs in the tests of `data.map`: plain functions of plain elements. */
export default function double(x: unknown, { epoch, index }: { epoch: number; index: number }): unknown {
  if (typeof x === 'number') {
    if (x === 13) throw new Error('unlucky');
    if (x === 666) process.exit(3);
    return { value: 2 * x, index, epoch };
  }
  const { data, shape } = x as { data: Float32Array; shape: number[] };
  return { sum: data.reduce((a, b) => a + b, 0), rank: shape.length, array: x };
}
