/** Packages that only some features need: loaded when they are, and named with their `npm install` where they are missing. */
import { MissingPackageError } from './errors.js';

/**
 * @param what the feature, as the subject of the error's sentence
 * @param load imports the package; a literal import, so that bundlers see it
 */
export async function optionalPackage<T>(name: string, what: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    if (!['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND'].includes((cause as NodeJS.ErrnoException).code ?? '')) throw cause;
    throw new MissingPackageError(`${what} needs the package ${name}, which is not installed: \`npm install ${name}\`.`, { cause });
  }
}
