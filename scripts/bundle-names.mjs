/** Takes out what esbuild writes to keep names where a function or class has its name anyway: calls by the thousand while the library is loaded. */
import { parse } from 'acorn';
import { ancestor } from 'acorn-walk';

const isNaming = (x) => x.type === 'CallExpression' && x.callee.name === '__name' && x.arguments.length === 2;
const isNameless = ({ type, id }) => type === 'ArrowFunctionExpression' || ((type === 'FunctionExpression' || type === 'ClassExpression') && !id);

/** The name that JavaScript itself gives to a nameless function that stands there. */
function givenBy(parent, x) {
  if (parent.type === 'VariableDeclarator' && parent.init === x) return parent.id.name;
  if (parent.type === 'Property' && parent.value === x && !parent.computed) return parent.key.name ?? parent.key.value;
  if (parent.type === 'AssignmentExpression' && parent.operator === '=' && parent.right === x) return parent.left.name;
  return undefined;
}

/** The text without those calls. */
export function withoutNeedlessNames(text) {
  const cuts = [];
  ancestor(parse(text, { ecmaVersion: 'latest', sourceType: 'module', allowHashBang: true }), {
    CallExpression(x, _, ancestors) {
      if (!isNaming(x)) return;
      const [named, { value: name }] = x.arguments;
      const [parent, around, , whole, holder] = ancestors.toReversed().slice(1);
      if (isNameless(named) && givenBy(parent, x) === name) cuts.push([x.start, named.start], [named.end, x.end]);
      else if (parent.type !== 'ExpressionStatement') return;
      else if (named.type === 'Identifier' && named.name === name) cuts.push([parent.start, parent.end]);
      else if (named.type === 'ThisExpression' && around.type === 'StaticBlock' && around.body.length === 1 && (whole.id ? whole.id.name : givenBy(holder, whole)) === name) cuts.push([around.start, around.end]);
    },
  });
  let [out, at] = ['', 0];
  for (const [from, to] of cuts.sort(([a], [b]) => a - b)) {
    out += text.slice(at, from);
    at = to;
  }
  return out + text.slice(at);
}
