/** What a restored checkpoint and the tree that takes it have in common, name by name. */

export interface RestoreReport {
  /** Wanted, and not in the checkpoint. */
  readonly missing: readonly string[];
  /** In the checkpoint, and wanted by nobody. */
  readonly extra: readonly string[];
  /** In both, with another shape or dtype. */
  readonly mismatched: readonly { readonly name: string; readonly expected: string; readonly found: string }[];
  /** Optimizer state that begins anew, because its parameter did not train when the checkpoint was written. */
  readonly fresh: readonly string[];
  /** Optimizer state left behind, because its parameter does not train any more. */
  readonly dropped: readonly string[];
}
