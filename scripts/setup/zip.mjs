/** Reads zip archives, so that no tool is needed for it. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { inflateRawSync } from 'node:zlib';

const END = 0x06054b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;

function readAt(path, position, length) {
  const file = openSync(path, 'r');
  try {
    const buffer = Buffer.alloc(length);
    if (readSync(file, buffer, 0, length, position) !== length) throw new Error(`${path} is truncated.`);
    return buffer;
  } finally {
    closeSync(file);
  }
}

function sizeOf(path) {
  const file = openSync(path, 'r');
  try {
    return fstatSync(file).size;
  } finally {
    closeSync(file);
  }
}

/** `{ name, read() }` of each entry; archives below 4 GiB, stored or deflated. */
export function* readZip(path) {
  const size = sizeOf(path);
  // The end record may be followed by a comment of at most 64 KiB.
  const tail = readAt(path, Math.max(0, size - 65557), Math.min(size, 65557));
  let end = tail.length - 22;
  while (end >= 0 && tail.readUInt32LE(end) !== END) end--;
  if (end < 0) throw new Error(`${path} is no zip archive.`);
  const directory = readAt(path, tail.readUInt32LE(end + 16), tail.readUInt32LE(end + 12));
  for (let at = 0; at < directory.length && directory.readUInt32LE(at) === CENTRAL;) {
    const method = directory.readUInt16LE(at + 10);
    const packed = directory.readUInt32LE(at + 20);
    const nameLength = directory.readUInt16LE(at + 28);
    const offset = directory.readUInt32LE(at + 42);
    const name = directory.toString('utf8', at + 46, at + 46 + nameLength);
    at += 46 + nameLength + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
    yield {
      name,
      read() {
        const head = readAt(path, offset, 30);
        if (head.readUInt32LE(0) !== LOCAL) throw new Error(`${path} is damaged at ${name}.`);
        const data = readAt(path, offset + 30 + head.readUInt16LE(26) + head.readUInt16LE(28), packed);
        if (method === 0) return data;
        if (method === 8) return inflateRawSync(data);
        throw new Error(`${path} packs ${name} in a way that is not supported.`);
      },
    };
  }
}
