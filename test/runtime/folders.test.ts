import { expect } from 'chai';
import { existsSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { FolderError } from '../../lib/runtime/errors.js';
import { makeFolder } from '../../lib/runtime/folders.js';

describe('makeFolder', () => {
  let root: string;
  beforeEach(() => { root = mkdtempSync(join(tmpdir(), 'hokku-')); });
  afterEach(() => rmSync(root, { recursive: true, force: true }));
  const made = (path: string): boolean => { makeFolder(path); return statSync(path).isDirectory(); };

  it('makes what is missing, and leaves what is there', () => {
    const deep = join(root, 'a', 'b', 'c');
    expect(made(deep)).to.equal(true);
    writeFileSync(join(deep, 'file'), 'x');
    expect(made(deep) && made(`${deep}/`) && made(join(deep, '..', 'd')) && made(relative(process.cwd(), join(root, 'e', 'f')))).to.equal(true);
    expect(existsSync(join(deep, 'file')) && existsSync(join(root, 'e', 'f'))).to.equal(true);
  });

  it('goes through links', () => {
    made(join(root, 'there'));
    symlinkSync(join(root, 'there'), join(root, 'link'));
    expect(made(join(root, 'link', 'x'))).to.equal(true);
    expect(existsSync(join(root, 'there', 'x'))).to.equal(true);
  });

  it('names what is in the way', () => {
    const file = join(root, 'file');
    writeFileSync(file, '');
    symlinkSync(join(root, 'nowhere'), join(root, 'dangling'));
    for (const [path, culprit] of [[file, file], [join(file, 'a', 'b'), file], [join(root, 'dangling', 'a'), join(root, 'dangling')]]) {
      expect(() => makeFolder(path)).to.throw(FolderError, `The folder ${path} cannot be made, because ${culprit} is there and is no folder: choose another place.`)
        .with.nested.property('cause.code', 'EEXIST');
    }
  });

  it('ends where the system has no room for any folder', function () {
    if (process.platform !== 'linux') { console.log('      pending: only Linux has /proc'); this.skip(); }
    for (const path of ['/proc/nothing', '/proc/nothing/a/b']) expect(() => makeFolder(path)).to.throw(FolderError, `The folder ${path} cannot be made, because the system refuses /proc/nothing (ENOENT)`);
  });
});
