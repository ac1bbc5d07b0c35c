/** `hk.training.data`: data in order, in batches, and where a run is in it. */
export { Dataset, DataIterator, from, fromArrays, type ShuffleOptions } from './dataset.js';
export type { DataPosition } from './position.js';
export type { ElementInfo, MapFunction, Remainder, Stream } from './stages.js';
export { arrow, csv, ndjson, npy, npz, parquet, safetensors, type CsvOptions } from './readers.js';
