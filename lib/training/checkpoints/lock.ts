/** One writer at a time for a folder: a lock file that says who holds it, and that is taken over from processes that died. */
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { crypto } from '../../runtime/builtins.js';
import { LockedError } from '../../runtime/errors.js';

interface Holder { readonly pid: number; readonly started: string; readonly host: string; readonly id: string; readonly since: string }

/** When a process began, where the system tells: its number alone may belong to another one by now. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return '';
  }
}

function isAlive({ pid, started, host }: Holder): boolean {
  if (host !== hostname()) return true;  // nobody here can know
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  const now = startOf(pid);
  return started === '' || now === '' || now === started;
}

function parse(text: string): Holder | null {
  try {
    const holder = JSON.parse(text) as Holder;
    return typeof holder.pid === 'number' && typeof holder.host === 'string' ? holder : null;
  } catch {
    return null;
  }
}

/** A held lock; `release` (or leaving a `using` block) gives it back. */
export class FolderLock {
  readonly #path: string;
  readonly #text: string;
  #held = true;

  /** @throws LockedError where a living process holds it */
  constructor(directory: string) {
    this.#path = join(directory, 'lock');
    const me: Holder = { pid: process.pid, started: startOf(process.pid), host: hostname(), id: crypto().randomBytes(8).toString('hex'), since: new Date().toISOString() };
    this.#text = JSON.stringify(me);
    const mine = join(directory, `.hokku-lock-${me.id}.tmp`);
    try {
      while (!this.#take(mine)) this.#removeStale(directory);
    } finally {
      rmSync(mine, { force: true });
    }
  }

  /** Linked into place, so that nobody ever reads half a lock. */
  #take(mine: string): boolean {
    writeFileSync(mine, this.#text);
    try {
      linkSync(mine, this.#path);
      return true;
    } catch (error) {
      // ENOENT: who holds the folder removed it as a leftover.
      if (['EEXIST', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
      throw error;
    }
  }

  #removeStale(directory: string): void {
    const text = this.#read(this.#path);
    if (text === null) return;
    const holder = parse(text);
    if (!holder || isAlive(holder)) {
      const who = holder ? `process ${holder.pid}${holder.host === hostname() ? '' : ` on ${holder.host}`} since ${holder.since}` : 'an unknown program';
      throw new LockedError(`The folder ${directory} is in use by ${who}; wait for it, choose another folder, or delete the file ${this.#path} if nobody writes there any more.`);
    }
    // Whoever renames it removes it. If that was not the one just read, another process was quicker: it gets its own back.
    const aside = join(directory, `.hokku-lock-${crypto().randomBytes(8).toString('hex')}.tmp`);
    try { renameSync(this.#path, aside); } catch { return; }
    if (this.#read(aside) !== text) {
      try { linkSync(aside, this.#path); } catch { /* the next one holds it already */ }
    }
    rmSync(aside, { force: true });
  }

  #read(path: string): string | null {
    try { return readFileSync(path, 'utf8'); } catch { return null; }
  }

  /** Safe to call twice. Another process's lock is left alone. */
  release(): void {
    if (this.#held && this.#read(this.#path) === this.#text) rmSync(this.#path, { force: true });
    this.#held = false;
  }
  [Symbol.dispose](): void { this.release(); }
}
