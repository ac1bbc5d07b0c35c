/** The files of artifacts on disk: prepared aside, so that a failure leaves the previous ones whole. */
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { PendingFile, writeFully } from '../atomic-file.js';
import { writeCheckpoint, type CheckpointContents } from '../checkpoint-file.js';
import { crypto } from '../../runtime/builtins.js';
import { makeFolder } from '../../runtime/folders.js';

export const FILES = { train: 'training_model.onnx', eval: 'eval_model.onnx', optimizer: 'optimizer_model.onnx', checkpoint: 'checkpoint' } as const;

/** A checkpoint written aside, to be moved to its name with the file beside it. */
export function aside(path: string, write: (temporary: string) => void): { commit(): void; [Symbol.dispose](): void } {
  const temporary = `${path}.${process.pid}-${crypto().randomBytes(6).toString('hex')}.tmp`;
  const dispose = () => { rmSync(temporary, { force: true }); rmSync(`${temporary}.data`, { force: true }); };
  try {
    write(temporary);
    // On the disk before it takes its name, so that a power cut leaves the old file or the new one.
    const fd = openSync(temporary, 'r+');
    try { fsyncSync(fd); } finally { closeSync(fd); }
  } catch (error) {
    dispose();
    throw error;
  }
  return {
    commit() {
      const beside = existsSync(`${temporary}.data`);
      if (beside) renameSync(`${temporary}.data`, `${path}.data`);
      renameSync(temporary, path);
      if (!beside) rmSync(`${path}.data`, { force: true });
    },
    [Symbol.dispose]: dispose,
  };
}

/** Writes all files of artifacts. The checkpoint takes its name last: it says which models belong to it. */
export function writeArtifacts(directory: string, models: ReadonlyMap<string, Uint8Array>, checkpoint: CheckpointContents): void {
  makeFolder(directory);
  const pending: { commit(): void; [Symbol.dispose](): void }[] = [];
  try {
    for (const [name, bytes] of models) pending.push(new PendingFile(join(directory, name), (fd) => writeFully(fd, bytes, 0)));
    pending.push(aside(join(directory, FILES.checkpoint), (temporary) => writeCheckpoint(temporary, checkpoint)));
    for (const file of pending) file.commit();
  } finally {
    for (const file of pending) file[Symbol.dispose]();
  }
  // Of an earlier run in the other style.
  if (!models.has(FILES.optimizer)) rmSync(join(directory, FILES.optimizer), { force: true });
}
