/** TensorBoard's messages: the few fields of `Event`, `Summary` and `HistogramProto` that training writes. */
import { createRequire } from 'node:module';
import type * as Wire from '@bufbuild/protobuf/wire';

// Loaded with the first writer, so that importing the library stays cheap.
const require = createRequire(import.meta.url);
let wire: typeof Wire | undefined;

/** The fields of one message, by number: [type, value], in the order in which they are written. */
type Field = readonly [number: number, type: 'double' | 'float' | 'int64' | 'int32', value: number]
  | readonly [number: number, type: 'string', value: string]
  | readonly [number: number, type: 'bytes', value: Uint8Array]
  | readonly [number: number, type: 'doubles', value: readonly number[]];

function message(...fields: readonly Field[]): Uint8Array {
  wire ??= require('@bufbuild/protobuf/wire') as typeof Wire;
  const { BinaryWriter, WireType } = wire;
  const out = new BinaryWriter();
  for (const [number, type, value] of fields) {
    switch (type) {
      case 'double': out.tag(number, WireType.Bit64).double(value); break;
      case 'float': out.tag(number, WireType.Bit32).float(value); break;
      case 'int64': out.tag(number, WireType.Varint).int64(value); break;
      case 'int32': out.tag(number, WireType.Varint).int32(value); break;
      case 'string': out.tag(number, WireType.LengthDelimited).string(value); break;
      case 'bytes': out.tag(number, WireType.LengthDelimited).bytes(value); break;
      case 'doubles':
        out.tag(number, WireType.LengthDelimited).fork();
        for (const x of value) out.double(x);
        out.join();
    }
  }
  return out.finish();
}

/** An event of wall time (seconds) and step; `what` is one of its alternatives. */
const event = (wallTime: number, step: number, what: Field): Uint8Array => message([1, 'double', wallTime], [2, 'int64', step], what);

/** The first event of every file. */
export const versionEvent = (wallTime: number): Uint8Array => event(wallTime, 0, [3, 'string', 'brain.Event:2']);

/** Says that a run goes on from `step`: what the files before say of that step and later ones is void. */
export const restartEvent = (wallTime: number, step: number): Uint8Array => event(wallTime, step, [7, 'bytes', message([1, 'int32', 1])]);

/** What a summary shows under a tag. */
export type SummaryValue =
  | { readonly scalar: number }
  | { readonly histogram: Histogram }
  | { readonly image: { readonly width: number; readonly height: number; readonly channels: number; readonly png: Uint8Array } };

/** Counts of values: `counts[i]` of them are above `limits[i - 1]` and not above `limits[i]`. */
export interface Histogram {
  readonly min: number;
  readonly max: number;
  readonly num: number;
  readonly sum: number;
  readonly sumSquares: number;
  readonly limits: readonly number[];
  readonly counts: readonly number[];
}

function valueField(value: SummaryValue): Field {
  if ('scalar' in value) return [2, 'float', value.scalar];
  if ('image' in value) {
    const { height, width, channels, png } = value.image;
    return [4, 'bytes', message([1, 'int32', height], [2, 'int32', width], [3, 'int32', channels], [4, 'bytes', png])];
  }
  const { min, max, num, sum, sumSquares, limits, counts } = value.histogram;
  return [5, 'bytes', message(
    [1, 'double', min], [2, 'double', max], [3, 'double', num], [4, 'double', sum], [5, 'double', sumSquares], [6, 'doubles', limits], [7, 'doubles', counts],
  )];
}

/** A summary of one value. */
export const summaryEvent = (wallTime: number, step: number, tag: string, value: SummaryValue): Uint8Array =>
  event(wallTime, step, [5, 'bytes', message([1, 'bytes', message([1, 'string', tag], valueField(value))])]);
