/** Where a run is in its data: plain data, kept in checkpoints. */

export interface DataPosition {
  /** From zero. */
  readonly epoch: number;
  /** Batches of this epoch before this place. */
  readonly batch: number;
  /** What the shuffling begins from; null where nothing is shuffled. With `epoch` it is the key of the epoch's order. */
  readonly seed: number | null;
  /** The steps of the pipeline that decide which batch comes next, as text. */
  readonly pipeline: string;
}
