/** **errors**: what initialising refuses. The type and the meaning count; the words are ours. */
import { HokkuError } from '../../../lib/runtime/errors.js';
import { MissingName, type Any } from '../api.js';
import { evaluate } from '../evaluate.js';
import type { Checking } from '../report.js';
import { transformError } from '../translations/errors.js';

export function checkErrors(on: Checking): void {
  for (const item of on.it.json.items) {
    const program = item.program === undefined ? transformError(item.python, on.api) : inTransform(on, item.program);
    on.report.attempt(item.python, () => expectError(on, item.python, item.raises.type, program));
  }
}

const inTransform = (on: Checking, program: Any) => (): Any =>
  on.api.hk.transformWithState(() => evaluate(on.api, program, {})).init(on.api.jax.random.PRNGKey(0));

/** Checks that `body` throws what stands for Python's `type`. */
export function expectError(on: Checking, what: string, type: string, body: () => unknown): void {
  on.report.checks++;
  try {
    body();
  } catch (error) {
    if (error instanceof MissingName) throw error;
    if (!stands(error, type)) on.report.fail(what, `threw ${error instanceof Error ? `${error.name}: ${error.message.split('\n')[0]}` : String(error)} instead of a ${type}`);
    return;
  }
  on.report.fail(what, `did not throw a ${type}`);
}

/** Python's AssertionError and AttributeError have no class of their own here: any error thrown on purpose will do. */
function stands(error: unknown, type: string): boolean {
  if (!(error instanceof HokkuError)) return false;
  if (type === 'AssertionError' || type === 'AttributeError') return true;
  for (let at: object | null = error; at !== null; at = Object.getPrototypeOf(at) as object | null) if (at.constructor.name === type) return true;
  return false;
}
