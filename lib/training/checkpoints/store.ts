/**
 * Checkpoints on disk: `<directory>/<step>/`, whole or not there. A folder is written under another name, every file of it
 * reaches the disk, and then it takes its name in one rename. Nothing that exists is ever written to.
 */
// As an object whose functions are looked up at every call, so that tests can make each of them fail.
import { existsSync, promises as fs, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { crypto } from '../../runtime/builtins.js';
import { FileFormatError, ValueError } from '../../runtime/errors.js';
import type { NamedTensor } from '../checkpoint-file.js';
import { FILES, MANIFEST, decodeManifest, encodeManifest, type CheckpointManifest } from './manifest.js';
import { encodeSafetensors, headerLength, parseHeader } from './safetensors.js';

export type Part = keyof typeof FILES;
export type Parts = Readonly<Record<Part, readonly NamedTensor[]>>;

/** Hashed and written at once: a few milliseconds, between which other work goes on. */
const CHUNK = 1 << 20;
const STEP = /^\d{8,}$/;
const TEMPORARY = /^\.hokku-.*\.tmp$/;

const nameOf = (step: number): string => String(step).padStart(8, '0');
export const folderOf = (directory: string, step: number): string => join(directory, nameOf(step));

/** The steps that there are checkpoints of, ascending. Empty where there is no such folder. */
export function listSteps(directory: string): number[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { withFileTypes: true }).filter((d) => d.isDirectory() && STEP.test(d.name)).map((d) => Number(d.name)).sort((a, b) => a - b);
}

const temporary = (directory: string): string => join(directory, `.hokku-${process.pid}-${crypto().randomBytes(8).toString('hex')}.tmp`);

/** Removes what writers left that died. Only for who holds the folder's lock. */
export async function removeLeftovers(directory: string): Promise<void> {
  for (const name of await fs.readdir(directory)) if (TEMPORARY.test(name)) await fs.rm(join(directory, name), { recursive: true, force: true });
}

/**
 * Writes a checkpoint. @returns its folder, and its bytes
 * @throws ValueError where there is one of that step; the system's own error (a full disk), after which everything is as before
 */
export async function writeStep(directory: string, manifest: Omit<CheckpointManifest, 'files'>, parts: Parts): Promise<{ path: string; bytes: number }> {
  const path = folderOf(directory, manifest.step);
  if (existsSync(path)) throw new ValueError(`There is a checkpoint of step ${manifest.step} in ${directory} already, and none is ever overwritten; save to another folder, or delete it.`);
  const aside = temporary(directory);
  const files: Record<string, { bytes: number; sha256: string }> = {};
  try {
    await fs.mkdir(aside);
    for (const part of Object.keys(FILES) as Part[]) {
      if (part !== 'params' && parts[part].length === 0) continue;
      files[FILES[part]] = await writeFile(join(aside, FILES[part]), encodeSafetensors(parts[part]));
    }
    await writeFile(join(aside, MANIFEST), [Buffer.from(encodeManifest({ ...manifest, files }), 'utf8')]);
    await syncFolder(aside);
    await fs.rename(aside, path);
  } catch (error) {
    await fs.rm(aside, { recursive: true, force: true }).catch(() => {});
    throw error;
  }
  await syncFolder(directory);
  return { path, bytes: Object.values(files).reduce((n, f) => n + f.bytes, 0) };
}

async function writeFile(path: string, pieces: readonly Uint8Array[]): Promise<{ bytes: number; sha256: string }> {
  const hash = crypto().createHash('sha256');
  let bytes = 0;
  const file = await fs.open(path, 'wx');
  try {
    for (const piece of pieces) {
      for (let at = 0; at < piece.byteLength; at += CHUNK) {
        const chunk = piece.subarray(at, at + CHUNK);
        hash.update(chunk);
        for (let done = 0; done < chunk.byteLength;) done += (await file.write(chunk, done, chunk.byteLength - done, bytes + done)).bytesWritten;
        bytes += chunk.byteLength;
      }
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return { bytes, sha256: hash.digest('hex') };
}

/** A rename survives a power cut only when the folder is on the disk as well; Windows cannot open folders and needs no such call. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const file = await fs.open(folder, 'r');
  try {
    await file.sync();
  } catch (error) {
    // Some file systems (network, FUSE) refuse to sync a folder.
    if (!['EINVAL', 'ENOTSUP', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  } finally {
    await file.close();
  }
}

/** Removes all but the newest. A folder loses its name first, so that half of one is never taken for a checkpoint. */
export async function removeOld(directory: string, keep: number): Promise<void> {
  for (const step of listSteps(directory).slice(0, -keep)) {
    const aside = temporary(directory);
    await fs.rename(folderOf(directory, step), aside);
    await fs.rm(aside, { recursive: true, force: true });
  }
}

/** @throws FileFormatError where it is none, damaged, or of a newer version */
export async function readManifest(path: string): Promise<CheckpointManifest> {
  let text: string;
  try {
    text = await fs.readFile(join(path, MANIFEST), 'utf8');
  } catch (cause) {
    throw new FileFormatError(`There is no checkpoint in ${path}: it has no ${MANIFEST}.`, { cause });
  }
  return decodeManifest(text, join(path, MANIFEST));
}

/** All tensors of a checkpoint, each file held against its hash. */
export async function readParts(path: string, { files }: CheckpointManifest): Promise<Parts> {
  const parts = { params: [], state: [], optimizer: [] } as Record<Part, readonly NamedTensor[]>;
  for (const part of Object.keys(FILES) as Part[]) {
    const record = files[FILES[part]];
    if (record) parts[part] = await readTensors(join(path, FILES[part]), record);
  }
  return parts;
}

async function readTensors(path: string, record: { bytes: number; sha256: string }): Promise<NamedTensor[]> {
  const damaged = (fault: string, options?: ErrorOptions) => new FileFormatError(`${path} ${fault}; restore another step.`, options);
  const file = await fs.open(path, 'r').catch((cause: Error) => { throw damaged('cannot be opened, though the checkpoint\'s manifest names it', { cause }); });
  try {
    const { size } = await file.stat();
    if (size !== record.bytes) throw damaged(`has ${size} bytes, and the checkpoint was written with ${record.bytes}`);
    const hash = crypto().createHash('sha256');
    let position = 0;
    const read = async (into: Uint8Array): Promise<Uint8Array> => {
      for (let at = 0; at < into.byteLength;) {
        const { bytesRead } = await file.read(into, at, Math.min(CHUNK, into.byteLength - at), position + at);
        if (bytesRead === 0) throw damaged('became shorter while it was read');
        hash.update(into.subarray(at, at + bytesRead));
        at += bytesRead;
      }
      position += into.byteLength;
      return into;
    };
    const length = headerLength(await read(new Uint8Array(Math.min(8, size))), size, path);
    const { entries } = parseHeader(await read(new Uint8Array(length)), size - 8 - length, path);
    const tensors: NamedTensor[] = [];
    for (const { name, dtype, shape, start, end } of entries) tensors.push({ name, dtype, shape, data: await read(new Uint8Array(end - start)) });
    if (hash.digest('hex') !== record.sha256) throw damaged('is damaged: its bytes do not have the hash that they were written with');
    return tensors;
  } finally {
    await file.close();
  }
}
