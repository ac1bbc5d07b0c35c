/** Parts of Node that take milliseconds to load and that few programs need. They are loaded where they are used, so that importing hokku is quick. */
export const crypto = (): typeof import('node:crypto') => process.getBuiltinModule('node:crypto');
export const workerThreads = (): typeof import('node:worker_threads') => process.getBuiltinModule('node:worker_threads');
export const zlib = (): typeof import('node:zlib') => process.getBuiltinModule('node:zlib');

/** SHA-256 of the parts, one after the other. */
export const sha256 = (...parts: readonly (string | Uint8Array)[]): Buffer => parts.reduce((hash, part) => hash.update(part), crypto().createHash('sha256')).digest();
