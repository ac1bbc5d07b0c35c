/** Parameters alone, in the files that others read and write: safetensors and NumPy's `.npz`, under Haiku's names. */
import { extname } from 'node:path';
import { readFile } from 'node:fs/promises';
import type { MutableParams, Params } from '../../haiku/types.js';
import { DTYPES } from '../../runtime/dtypes.js';
import { TypeError } from '../../runtime/errors.js';
import { bytesAs } from '../artifacts.js';
import { writeFileAtomic } from '../atomic-file.js';
import type { NamedTensor } from '../checkpoint-file.js';
import { encodeNpz, readNpz } from '../data/npy.js';
import { namedParams, toArray, toParams } from './named.js';
import { decodeSafetensors, encodeSafetensors } from './safetensors.js';

function formatOf(where: string, path: string): 'safetensors' | 'npz' {
  const extension = typeof path === 'string' ? extname(path) : '';
  if (extension === '.safetensors') return 'safetensors';
  if (extension === '.npz') return 'npz';
  throw new TypeError(`${where}: the file's name must end in .safetensors or .npz, but is ${JSON.stringify(path)}; for pickled parameters see loadParams.`);
}

/**
 * Writes parameters under the names `module/name`: as safetensors, or as `.npz` (with the package `fflate`), by the file's
 * ending. The file is whole or not there.
 *
 * @example
 * await saveParams('mlp.safetensors', params);
 * // In Python: from safetensors.numpy import load_file; load_file('mlp.safetensors')['mlp/~/linear_0/w']
 *
 * @throws ValueError for a parameter whose name has a slash
 */
export async function saveParams(path: string, params: Params): Promise<void> {
  const format = formatOf('saveParams', path);
  const tensors = [...namedParams(params)].map(([name, x]): NamedTensor => ({ name, dtype: x.dtype, shape: x.shape, data: bytesAs(x, x.dtype) }));
  writeFileAtomic(path, format === 'npz' ? await encodeNpz(tensors) : encodeSafetensors(tensors));
}

/**
 * Reads parameters that `saveParams` or Python wrote: what stands before the last slash of a name is the module.
 *
 * Haiku's own examples pickle parameters. A pickle is a program; let the Python that wrote it turn it into an `.npz`:
 *
 * ```sh
 * python -c "import pickle,sys,numpy as np; p=pickle.load(open(sys.argv[1],'rb')); np.savez(sys.argv[2], **{f'{m}/{n}': v for m,b in p.items() for n,v in b.items()})" params.pickle params.npz
 * ```
 *
 * @throws FileFormatError where the file is damaged or something else
 */
export async function loadParams(path: string): Promise<MutableParams> {
  const named = formatOf('loadParams', path) === 'npz' ? await readNpz(path) : decodeSafetensors(await readFile(path), path).tensors;
  // Aligned, and nobody else's.
  return toParams(new Map([...named].map(([name, { dtype, shape, data }]) =>
    [name, toArray({ name, dtype, shape, data: data.byteOffset % DTYPES[dtype].size ? Uint8Array.from(data) : data })] as const).sort(([a], [b]) => (a < b ? -1 : 1))));
}
