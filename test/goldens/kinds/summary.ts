/** **summary**: names, shapes, types and sizes of a module's parameters and outputs, and its printed forms. */
import type { Any } from '../api.js';
import { isArray } from '../compare.js';
import { evaluate } from '../evaluate.js';
import type { Checking } from '../report.js';
import { namesIn } from '../trees.js';

/** Python writes objects that have no text of their own with the folder of their class and their address in memory. */
const hasAddress = (text: string): boolean => / at 0x[0-9a-f]+>/.test(text);
/** A text without addresses, and without what follows from their lengths: how a call is broken into lines. */
const withoutAddresses = (text: string): string => text.replaceAll(/ at 0x[0-9a-f]+>/g, '>').replaceAll(/<[\w.]+\.(\w+ object>)/g, '<$1').replaceAll(/\s/g, '').replaceAll(',)', ')');
/** The rows of a table: where there are addresses, columns have other widths. */
function cells(lines: readonly string[]): string[][] {
  const rows: string[][] = [[]];
  for (const line of lines) {
    if (line.startsWith('+')) rows.push([]);
    else line.slice(1, -1).split('|').forEach((cell, i) => { rows.at(-1)![i] = (rows.at(-1)![i] ?? '') + cell; });
  }
  return rows.filter((row) => row.length).map((row) => row.map(withoutAddresses));
}

export function checkSummary(on: Checking): void {
  const { json } = on.it;
  const { hk, jax } = on.api;
  on.report.attempt('the case', () => {
    let printed: string | undefined;
    const body = (x: Any): Any => evaluate(on.api, json.program, {
      inputs: [x], onBind: (name, value) => { if (name === 'module') printed = String(value); },
    });
    const f = hk.transformWithState(body);
    const x = jax.numpy.ones(json.input.shape, { dtype: json.input.dtype });
    const key = jax.random.PRNGKey(0);
    const [params, state] = f.init(key, x);
    const listed = (map: Any): Any[] => namesIn(map).map(([module, name]) => ({ module, name, shape: map[module][name].shape, dtype: map[module][name].dtype }));
    on.report.equal('the parameters', listed(params), json.params);
    on.report.equal('the state', listed(state), json.state);
    on.report.equal('the sizes', [hk.dataStructures.treeSize(params), hk.dataStructures.treeBytes(params)], [json.param_size, json.param_bytes]);
    on.report.equal('the sizes of the state', [hk.dataStructures.treeSize(state), hk.dataStructures.treeBytes(state)], [json.state_size, json.state_bytes]);
    const outputs = jax.tree.leaves(f.apply(params, state, key, x)[0]).filter(isArray);
    on.report.equal('the outputs', outputs.map(({ shape, dtype }: Any) => ({ shape, dtype })), json.outputs);
    const said = hasAddress(json.repr ?? '') ? withoutAddresses : (text: string) => text;
    on.report.equal('its text', printed === undefined ? printed : said(printed), json.repr === undefined ? json.repr : said(json.repr));
    if (json.tabulate) {
      const form = json.tabulate.some(hasAddress) ? cells : (lines: string[]) => lines;
      on.report.attempt('its table', () => on.report.equal('its table', form(String(hk.experimental.tabulate(f)(x)).split('\n')), form(json.tabulate)));
    }
  });
}
