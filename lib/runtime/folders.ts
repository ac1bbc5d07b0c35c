/** Folders for what is written. */
import { mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { FolderError } from './errors.js';

function isFolder(path: string): boolean {
  try { return statSync(path).isDirectory(); } catch { return false; }
}

/**
 * Makes a folder and those that it lies in, where they are missing. Node's own recursive form never returns where the system
 * says of a folder that is there that it is not, as Linux does of everything in /proc.
 * @throws FolderError
 */
export function makeFolder(path: string): void {
  const make = (folder: string): void => {
    if (isFolder(folder)) return;
    if (dirname(folder) !== folder) make(dirname(folder));
    try {
      mkdirSync(folder);
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      // Another process may have been faster.
      if (isFolder(folder)) return;
      const why = code === 'EEXIST' ? `${folder} is there and is no folder` : `the system refuses ${folder} (${code})`;
      throw new FolderError(`The folder ${path} cannot be made, because ${why}: choose another place.`, { cause });
    }
  };
  make(resolve(path));
}
