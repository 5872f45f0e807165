import { FUNCTIONS, isTruthy, printValue } from './functions.ts';
import { TemplateError } from './lex.ts';
import { type Call, type Node, type Operand, type Pipeline, parseTemplate } from './parse.ts';

/** A parsed template; each call prints one value. @throws TemplateError when the value lacks what the template names */
export type Template = (data: unknown) => string;

/**
 * Go's text/template as far as `--format` is used: fields, `index`, pipelines, `if`, `with`, `range`, variables, Docker's
 * functions. A field whose value is a function is a method: `{{.Label "key"}}`.
 * @throws TemplateError when the template cannot be parsed
 */
export function compileTemplate(source: string): Template {
  const nodes = parseTemplate(source);
  return (data) => render(nodes, { dot: data, variables: new Map([['$', data]]) });
}

interface Scope {
  dot: unknown;
  variables: ReadonlyMap<string, unknown>;
}

function render(nodes: readonly Node[], outer: Scope): string {
  let scope = outer;
  let output = '';
  for (const node of nodes) {
    if (node.kind === 'text') output += node.text;
    else if (node.kind === 'print') {
      const value = evaluate(node.pipeline, scope);
      const [name] = node.pipeline.names;
      if (name === undefined) output += printValue(value);
      else scope = { ...scope, variables: new Map([...scope.variables, [name, value]]) };
    } else output += renderBlock(node, scope);
  }
  return output;
}

function renderBlock(node: Exclude<Node, { kind: 'text' | 'print' }>, scope: Scope): string {
  const value = evaluate(node.pipeline, scope);
  if (!isTruthy(value)) return render(node.otherwise, scope);
  const { names } = node.pipeline;
  if (node.kind === 'range') {
    return entriesOf(value)
      .map(([key, item]) => {
        const bound: [string, unknown][] =
          names.length > 1
            ? [
                [names[0] ?? '', key],
                [names[1] ?? '', item],
              ]
            : names.map((name) => [name, item]);
        return render(node.body, { dot: item, variables: new Map([...scope.variables, ...bound]) });
      })
      .join('');
  }
  const variables = new Map([...scope.variables, ...names.map((name): [string, unknown] => [name, value])]);
  return render(node.body, { dot: node.kind === 'with' ? value : scope.dot, variables });
}

/** Maps are walked in key order, as in Go. */
function entriesOf(value: unknown): [key: unknown, item: unknown][] {
  if (Array.isArray(value)) return [...value.entries()];
  if (typeof value === 'number') return Array.from({ length: value }, (_item, at) => [at, at]);
  if (typeof value !== 'object' || value === null)
    throw new TemplateError(`range can't iterate over ${printValue(value)}`);
  return Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
}

function evaluate(pipeline: Pipeline, scope: Scope): unknown {
  let result: unknown;
  for (const [at, call] of pipeline.calls.entries()) result = evaluateCall(call, scope, at === 0 ? [] : [result]);
  return result;
}

function evaluateCall(call: Call, scope: Scope, piped: readonly unknown[]): unknown {
  const values = [...call.arguments.map((operand) => plainValue(operand, scope)), ...piped];
  if (call.operand.kind === 'function') return FUNCTIONS[call.operand.name]?.(...values);
  const value = operandValue(call.operand, scope);
  if (typeof value === 'function') return value(...values);
  if (values.length > 0)
    throw new TemplateError(`template: :1: can't give argument to non-function ${printValue(value)}`);
  return value;
}

function plainValue(operand: Operand, scope: Scope): unknown {
  const value = operandValue(operand, scope);
  return typeof value === 'function' ? value() : value;
}

function operandValue(operand: Operand, scope: Scope): unknown {
  if (operand.kind === 'literal') return operand.value;
  if (operand.kind === 'function') return FUNCTIONS[operand.name]?.();
  if (operand.kind === 'pipeline') return descend(evaluate(operand.pipeline, scope), operand.fields);
  if (operand.root === '') return descend(scope.dot, operand.fields);
  if (scope.variables.has(operand.root)) return descend(scope.variables.get(operand.root), operand.fields);
  throw new TemplateError(`template: :1: undefined variable "${operand.root}"`);
}

function descend(start: unknown, fields: readonly string[]): unknown {
  let value = start;
  const walked: string[] = [];
  for (const field of fields) {
    walked.push(field);
    const where = `template: :1: executing "" at <.${walked.join('.')}>`;
    if (value === null || value === undefined)
      throw new TemplateError(`${where}: nil data; no entry for key "${field}"`);
    if (typeof value !== 'object' || Array.isArray(value)) {
      throw new TemplateError(
        `${where}: can't evaluate field ${field} in type ${Array.isArray(value) ? 'list' : typeof value}`,
      );
    }
    if (!Object.hasOwn(value, field)) throw new TemplateError(`${where}: map has no entry for key "${field}"`);
    value = (value as Record<string, unknown>)[field];
  }
  return value;
}
