/** The predicates of the notebook goldens. */
import { MissingName, type Any } from '../api.js';

type Predicate = (module: string, name: string, value: Any) => boolean;

/** `lambda m, n, p: …` with one comparison of the module or the name, or a constant. */
export function predicate(python: string): Predicate {
  const body = python.replace(/^lambda m, n, p: /, '');
  if (body === 'True') return () => true;
  if (body === 'False') return () => false;
  const match = /^([mn]) (==|!=) ["']([^"']*)["']$/.exec(body);
  if (!match) throw new MissingName(`a translation of ${python}`);
  const [, variable, operator, text] = match;
  return (module, name) => ((variable === 'm' ? module : name) === text) === (operator === '==');
}
