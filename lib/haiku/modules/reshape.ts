/** Changes of shape that keep the leading axes. */
import { dims } from '../../jax/dims.js';
import type { Array } from '../../jax/index.js';
import { TypeError, ValueError } from '../../runtime/errors.js';
import { checkOptions } from '../../runtime/options.js';
import { describe } from '../mappings.js';
import { Module, module, type ModuleOptions } from '../module.js';
import { asInput, checkList } from './layout.js';

export interface ReshapeOptions extends ModuleOptions {
  /** How many leading axes stay as they are; negative, how many trailing ones are reshaped. Default 1. */
  preserveDims?: number;
}

/**
 * Reshapes all but the leading axes: `[B, …]` → `[B, …outputShape]`. What has no axes beyond the kept ones stays as it is.
 *
 * ```ts
 * const y = new hk.Reshape([28, -1])(x);
 * ```
 * @param outputShape May hold one -1, which takes what is left.
 * @throws ValueError for two -1, and a `preserveDims` of 0.
 */
@module('reshape')
export class Reshape extends Module<(inputs: Array) => Array> {
  readonly outputShape: readonly number[];
  readonly preserveDims: number;

  constructor(outputShape: readonly number[], options?: ReshapeOptions) {
    const { preserveDims = 1, name } = checkOptions('hk.Reshape', options, ['preserveDims', 'name']);
    super(name);
    const where = `hk.${new.target.name}`;
    checkList(where, 'outputShape', outputShape);
    if (!Number.isInteger(preserveDims)) throw new TypeError(`${where}: preserveDims must be a whole number, but got ${describe(preserveDims)}.`);
    if (preserveDims === 0) throw new ValueError('hk.Reshape: Argument preserveDims should be non-zero.');
    if (outputShape.filter((size) => size === -1).length > 1) throw new ValueError(`hk.Reshape: -1 can only occur once in \`outputShape\`, but got [${outputShape}].`);
    this.outputShape = [...outputShape];
    this.preserveDims = preserveDims;
  }

  override call(inputs: Array): Array {
    const x = asInput(`hk.${this.constructor.name}`, 'inputs', inputs);
    const { outputShape, preserveDims } = this;
    if (x.ndim <= preserveDims) return x;
    // Not left to reshape: it could not tell the size where a leading axis is empty.
    const [all, known] = [dims.size(x.shape.slice(preserveDims)), dims.size(outputShape.filter((size) => size !== -1))];
    const rest = () => {
      if (typeof all === 'number' && typeof known === 'number' && all % known !== 0) throw new ValueError(`hk.${this.constructor.name}: the ${all} elements that [${x.shape}] has after ${preserveDims} preserved axes do not make [${outputShape}].`);
      return dims.div(all, known);
    };
    return x.reshape([...x.shape.slice(0, preserveDims), ...outputShape.map((size) => (size === -1 ? rest() : size))]);
  }
}

/** Makes one axis of all but the leading ones: `[B, …]` → `[B, n]`. */
@module('flatten')
export class Flatten extends Reshape {
  constructor(options?: ReshapeOptions) { super([-1], checkOptions('hk.Flatten', options, ['preserveDims', 'name'])); }
}
