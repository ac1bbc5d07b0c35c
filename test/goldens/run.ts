/** Runs cases: picks what checks a kind, and tells passed, failed and skipped. */
import type { Api } from './api.js';
import type { Case } from './cases.js';
import { checkDataStructures } from './kinds/data-structures.js';
import { checkErrors } from './kinds/errors.js';
import { checkHaiku } from './kinds/haiku.js';
import { checkInitializers } from './kinds/initializers.js';
import { checkItems } from './kinds/items.js';
import { checkMultiTransform } from './kinds/multi-transform.js';
import { checkNaming } from './kinds/naming.js';
import { checkNotebook, trainsNothing } from './kinds/notebook.js';
import { checkOptimizer } from './kinds/optimizer.js';
import { checkSummary } from './kinds/summary.js';
import type { Mismatch } from './compare.js';
import { Checking, Report } from './report.js';
import { EAGER, WAYS, type Way } from './ways.js';

const KINDS: Record<string, (on: Checking, way: Way) => void> = {
  haiku: checkHaiku,
  items: checkItems,
  initializers: checkInitializers,
  optimizer: checkOptimizer,
  naming: checkNaming,
  summary: checkSummary,
  errors: checkErrors,
  data_structures: checkDataStructures,
  multi_transform: checkMultiTransform,
  notebook: checkNotebook,
};

/** The groups whose cases are training: they go all ways. */
const TRAINED: ReadonlySet<string> = new Set(['losses', 'notebook', 'optimizers']);
export const waysOf = (it: Case): readonly Way[] => (TRAINED.has(it.group) && !trainsNothing(it) ? WAYS : [EAGER]);

export interface Result {
  readonly group: string;
  readonly case: string;
  readonly way: string;
  readonly outcome: 'passed' | 'failed' | 'skipped';
  readonly mismatches: readonly Mismatch[];
  /** Names that the public API lacks. */
  readonly missing: readonly string[];
}

/** Checks one case. It is skipped only where nothing is wrong but a name is missing. */
export function runCase(api: Api, it: Case, way: Way = EAGER): Result {
  const report = new Report();
  const check = KINDS[it.kind];
  if (check) report.attempt('the case', () => check(new Checking(api, it, report), way));
  else report.fail('the case', `the kind '${it.kind}' is unknown to the runner`);
  if (report.checks === 0 && report.missing.size === 0 && report.mismatches.length === 0) report.fail('the case', 'nothing in it was checked');
  const outcome = report.mismatches.length > 0 ? 'failed' : report.missing.size > 0 ? 'skipped' : 'passed';
  return { group: it.group, case: it.name, way: way.name, outcome, mismatches: report.mismatches, missing: [...report.missing] };
}
